# Nothing goes public without a label, and nothing that is public is without a daily limit: each call costs minutes.
#
#   conftest test plan.json --policy examples/policies --data labels.json      # {"labels": ["go-live"]}
package main

import rego.v1

may_go_live if "go-live" in data.labels

deny contains message if {
	not may_go_live
	some change in deployments
	some field in change.fields
	field.path == "/status"
	field.desired == "active"
	message := sprintf("%s goes public (add the label go-live to agree)", [change.address])
}

deny contains message if {
	some change in deployments
	change.action == "create"
	not limits_calls(change)
	message := sprintf("%s has no limits.daily_call_limit", [change.address])
}

deny contains message if {
	some change in deployments
	change.action == "update"
	some field in change.fields
	field.path == "/limits/daily_call_limit"
	not is_number(field.desired)
	message := sprintf("%s loses its limits.daily_call_limit", [change.address])
}

deployments contains change if {
	some change in input.changes
	change.kind == "deployment"
}

limits_calls(change) if {
	some field in change.fields
	field.path == "/limits/daily_call_limit"
	field.desired > 0
}
