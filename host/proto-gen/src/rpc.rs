//! Every RPC of the API as a value, so that tables over them are checked by the compiler.

include!("generated/rpcs.rs");

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::Rpc;

    #[test]
    fn every_rpc_of_the_descriptors_has_a_variant() {
        let set = prost_types::FileDescriptorSet::decode(crate::FILE_DESCRIPTOR_SET).unwrap();
        let mut paths: Vec<String> = Vec::new();
        for file in &set.file {
            for service in &file.service {
                for method in &service.method {
                    paths.push(format!("/{}.{}/{}", file.package(), service.name(), method.name()));
                }
            }
        }
        let known: Vec<&str> = Rpc::ALL.iter().map(|rpc| rpc.path()).collect();
        assert_eq!(known, paths);
        for rpc in Rpc::ALL {
            assert_eq!(Rpc::from_path(rpc.path()), Some(*rpc));
        }
        assert_eq!(Rpc::from_path("/colchis.v1.Workflows/Nope"), None);
    }
}
