provider "kongmesh" {
  config_context = "east" # a name from `kumactl config control-planes list`
}
