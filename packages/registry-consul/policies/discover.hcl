# What discovery needs: the services that are called, and the nodes that they are on.
# consul acl policy create -name crowfly-discover -rules @discover.hcl
service_prefix "" {
  policy = "read"
}
node_prefix "" {
  policy = "read"
}
