provider "kongmesh" {
  config_context = "east" # as in `kumactl config control-planes list`
}
