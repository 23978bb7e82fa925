"""The recipes that come with tintype, one YAML file each."""
