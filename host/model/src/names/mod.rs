//! Names: what may be one, and how Argo names nodes and pods.

mod nodes;
mod rules;

pub use nodes::{
    fnv1a32, generated, hook, item, item_label, node_id, on_exit, pod_name, retry, step, step_group, task,
    template_scope,
};
pub use rules::{
    NameError, check_config_key, check_env_name, check_label, check_label_key, check_label_value, check_subdomain,
    suggestion,
};

#[cfg(test)]
mod tests;
