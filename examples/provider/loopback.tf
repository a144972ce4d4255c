# By default, a control plane treats requests from localhost as admin requests.
provider "kongmesh" {
  address = "http://localhost:5681" # the default
}
