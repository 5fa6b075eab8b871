"""`tavusctl init`: the files of a new project, its workflows, or manifests of the objects of an account."""
