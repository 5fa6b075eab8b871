# No tool calls a service that does not ask who is there, but for those on the list.
#
#   conftest test plan.json --policy examples/policies --data open.json      # {"open_tools": ["tool/weather"]}
package main

import rego.v1

open_tools contains address if some address in data.open_tools

deny contains message if {
	some change in tools
	change.action == "create"
	some field in change.fields
	field.path == "/delivery/api/url"
	not signs_in(change)
	message := sprintf("%s calls %s without delivery.api.auth", [change.address, field.desired])
}

deny contains message if {
	some change in tools
	change.action == "update"
	some field in change.fields
	field.path == "/delivery/api/auth/type"
	not field.desired in {"bearer", "basic", "api_key", "hmac", "oauth2_client_credentials"}
	message := sprintf("%s no longer signs in where it calls", [change.address])
}

tools contains change if {
	some change in input.changes
	change.kind == "tool"
	not change.address in open_tools
}

signs_in(change) if {
	some field in change.fields
	field.path == "/delivery/api/auth/type"
	field.desired != "none"
}
