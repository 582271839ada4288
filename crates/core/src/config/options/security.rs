//! Options of who may use the cluster.

use crate::config::option::options;

options! {
    /// Whether daemons may listen at other than loopback addresses although nobody has to authenticate. Who reaches such a
    /// cluster can run programs on it: set it in closed networks only.
    ALLOW_UNAUTHENTICATED: bool = "security.allow-unauthenticated", default "false";
    /// Host names, besides loopback ones, `rest.address` and `rest.bind-address`, by which browsers may reach the REST
    /// server. Add the name of a reverse proxy here. Requests for other names are refused, which keeps foreign web sites
    /// out.
    ALLOWED_HOSTS: Vec<String> = "security.allowed-hosts", default "";
}
