# What an instance of "orders" needs to register itself, beside the rights in discover.hcl.
# consul acl policy create -name crowfly-register-orders -rules @register.hcl
service "orders" {
  policy = "write"
}
node_prefix "" {
  policy = "read"
}
