# Data goes to no host that is not on the list, whichever field names it.
#
#   conftest test plan.json --policy examples/policies --data hosts.json      # {"hosts": ["llm.example.com"]}
package main

import rego.v1

allowed contains host if some host in data.hosts

deny contains message if {
	some change in input.changes
	some risk in change.risks
	risk.id == "new-host"
	not risk.host in allowed
	message := sprintf("%s%s sends data to %s, which is not on the list of hosts", [change.address, risk.path, risk.host])
}
