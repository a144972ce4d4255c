# To the control plane, whoever comes over its own loopback interface is an admin.
provider "kongmesh" {
  address = "http://localhost:5681" # the default
}
