# Nothing is deleted unless somebody has put the label `allow-deletes` on the pull request.
#
#   conftest test plan.json --policy examples/policies --data labels.json     # {"labels": ["allow-deletes"]}
package main

import rego.v1

takes_away := {"delete", "replace", "retire"}

labelled if "allow-deletes" in data.labels

deny contains message if {
	not labelled
	some change in input.changes
	some risk in change.risks
	risk.id in takes_away
	message := sprintf("%s: %s (add the label allow-deletes to agree)", [change.address, risk.message])
}
