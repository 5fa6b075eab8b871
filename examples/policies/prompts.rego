# No prompt grows over its budget; one that is over it already may shrink.
#
#   conftest test plan.json --policy examples/policies --data budget.json     # {"budget": {"tokens": 2000}}
package main

import rego.v1

default budget := 4000

budget := data.budget.tokens

deny contains message if {
	some change in input.changes
	some field in change.fields
	field.tokens.desired > budget
	field.tokens.desired > field.tokens.live
	message := sprintf(
		"%s%s has about %d tokens, more than %d",
		[change.address, field.path, field.tokens.desired, budget],
	)
}
