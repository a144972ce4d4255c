# A token for the zone egress of a zone.
ephemeral "kongmesh_zone_token" "egress" {
  zone      = "east"
  scope     = ["egress"]
  valid_for = "30d"
}
