//! What the interfaces are in Rust, made of `wit/`. For the macros of this crate; authors see the types of its other modules.
//!
//! One world is made for the host's interfaces, one for the description and one for each kind, so that a component is of the kinds that it exports and of no other.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "generated"
)]

#[doc(hidden)]
pub mod host {
    wit_bindgen::generate!({
        inline: "
            package colchis:sdk-host;
            world sdk-host {
                include colchis:plugin/host@1.0.0;
                import wasi:clocks/monotonic-clock@0.2.12;
                import wasi:clocks/wall-clock@0.2.12;
                import wasi:io/poll@0.2.12;
                import wasi:random/random@0.2.12;
                import wasi:cli/stderr@0.2.12;
                import wasi:http/outgoing-handler@0.2.12;
            }
        ",
        path: [
            "../../wit/deps/io.wit",
            "../../wit/deps/clocks.wit",
            "../../wit/deps/random.wit",
            "../../wit/deps/filesystem.wit",
            "../../wit/deps/sockets.wit",
            "../../wit/deps/cli.wit",
            "../../wit/deps/http.wit",
            "../../wit/plugin",
        ],
        generate_all,
        generate_unused_types: true,
    });
}

#[doc(hidden)]
pub mod description {
    wit_bindgen::generate!({
        inline: "
            package colchis:sdk-description;
            world sdk-description { export colchis:plugin/description@1.0.0; }
        ",
        path: "../../wit/plugin",
        with: { "colchis:plugin/types@1.0.0": crate::bindings::host::colchis::plugin::types },
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_description",
        default_bindings_module: "colchis_sdk::bindings::description",
    });
}

#[cfg(feature = "metric-provider")]
#[doc(hidden)]
pub mod metric_provider {
    wit_bindgen::generate!({
        inline: "
            package colchis:sdk-sdk-metric-provider;
            world sdk-metric-provider {  export colchis:metric-provider/provider@1.0.0; }
        ",
        path: ["../../wit/plugin", "../../wit/metric-provider"],
        with: { "colchis:plugin/types@1.0.0": crate::bindings::host::colchis::plugin::types },
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_metric_provider",
        default_bindings_module: "colchis_sdk::bindings::metric_provider",
    });
}

#[cfg(feature = "manifest-renderer")]
#[doc(hidden)]
pub mod manifest_renderer {
    wit_bindgen::generate!({
        inline: "
            package colchis:sdk-sdk-manifest-renderer;
            world sdk-manifest-renderer { import colchis:manifest-renderer/source@1.0.0; import colchis:manifest-renderer/destination@1.0.0; export colchis:manifest-renderer/renderer@1.0.0; }
        ",
        path: ["../../wit/plugin", "../../wit/manifest-renderer"],
        with: { "colchis:plugin/types@1.0.0": crate::bindings::host::colchis::plugin::types },
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_manifest_renderer",
        default_bindings_module: "colchis_sdk::bindings::manifest_renderer",
    });
}

#[cfg(feature = "event-subscriber")]
#[doc(hidden)]
pub mod event_subscriber {
    wit_bindgen::generate!({
        inline: "
            package colchis:sdk-sdk-event-subscriber;
            world sdk-event-subscriber {  export colchis:event-source/subscriber@1.0.0; }
        ",
        path: ["../../wit/plugin", "../../wit/event-source"],
        with: { "colchis:plugin/types@1.0.0": crate::bindings::host::colchis::plugin::types },
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_event_subscriber",
        default_bindings_module: "colchis_sdk::bindings::event_subscriber",
    });
}

#[cfg(feature = "event-receiver")]
#[doc(hidden)]
pub mod event_receiver {
    wit_bindgen::generate!({
        inline: "
            package colchis:sdk-sdk-event-receiver;
            world sdk-event-receiver {  export colchis:event-source/receiver@1.0.0; }
        ",
        path: ["../../wit/plugin", "../../wit/event-source"],
        with: { "colchis:plugin/types@1.0.0": crate::bindings::host::colchis::plugin::types },
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_event_receiver",
        default_bindings_module: "colchis_sdk::bindings::event_receiver",
    });
}

#[cfg(feature = "trigger")]
#[doc(hidden)]
pub mod trigger {
    wit_bindgen::generate!({
        inline: "
            package colchis:sdk-sdk-trigger;
            world sdk-trigger {  export colchis:trigger/action@1.0.0; }
        ",
        path: ["../../wit/plugin", "../../wit/trigger"],
        with: { "colchis:plugin/types@1.0.0": crate::bindings::host::colchis::plugin::types },
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_trigger",
        default_bindings_module: "colchis_sdk::bindings::trigger",
    });
}

#[cfg(feature = "step")]
#[doc(hidden)]
pub mod step {
    wit_bindgen::generate!({
        inline: "
            package colchis:sdk-sdk-step;
            world sdk-step { import colchis:step/files@1.0.0; export colchis:step/step@1.0.0; }
        ",
        path: ["../../wit/plugin", "../../wit/step"],
        with: { "colchis:plugin/types@1.0.0": crate::bindings::host::colchis::plugin::types },
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_step",
        default_bindings_module: "colchis_sdk::bindings::step",
    });
}
