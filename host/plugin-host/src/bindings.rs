//! What `bindgen!` makes of the interfaces in `wit/`: the host's side of what plugins import, and the callers of what they export.
//!
//! A component may be of several kinds, so each export has a world of its own here, looked for in the component when it is loaded.

/// What plugins import.
pub(crate) mod host {
    wasmtime::component::bindgen!({
        path: "../../wit/plugin",
        world: "colchis:plugin/host",
        imports: { default: async | trappable },
        with: {
            "colchis:plugin/blobs.reader": crate::capabilities::blobs::Reader,
            "colchis:plugin/blobs.writer": crate::capabilities::blobs::Writer,
            "colchis:plugin/endpoints.connection": crate::capabilities::endpoints::Connection,
        },
    });
}

pub(crate) use host::colchis::plugin as imports;

/// `colchis:plugin/description`.
pub(crate) mod description {
    wasmtime::component::bindgen!({
        path: "../../wit/plugin",
        inline: "package colchis:bound; world described { export colchis:plugin/description@1.0.0; }",
        world: "colchis:bound/described",
        exports: { default: async },
        with: { "colchis:plugin/types@1.0.0": super::imports::types },
    });
}

/// `colchis:metric-provider/provider`.
pub(crate) mod metric {
    wasmtime::component::bindgen!({
        path: ["../../wit/plugin", "../../wit/metric-provider"],
        inline: "package colchis:bound; world measuring { export colchis:metric-provider/provider@1.0.0; }",
        world: "colchis:bound/measuring",
        exports: { default: async },
        with: { "colchis:plugin/types@1.0.0": super::imports::types },
    });
}

/// `colchis:manifest-renderer`: its imports, and `renderer`.
pub(crate) mod renderer {
    wasmtime::component::bindgen!({
        path: ["../../wit/plugin", "../../wit/manifest-renderer"],
        inline: "package colchis:bound; world rendering {
            import colchis:manifest-renderer/source@1.0.0;
            import colchis:manifest-renderer/destination@1.0.0;
            export colchis:manifest-renderer/renderer@1.0.0;
        }",
        world: "colchis:bound/rendering",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "colchis:plugin/types@1.0.0": super::imports::types,
            "colchis:manifest-renderer/source.tree": crate::capabilities::source::Lent,
        },
    });
}

/// `colchis:event-source/subscriber`.
pub(crate) mod subscriber {
    wasmtime::component::bindgen!({
        path: ["../../wit/plugin", "../../wit/event-source"],
        inline: "package colchis:bound; world subscribing { export colchis:event-source/subscriber@1.0.0; }",
        world: "colchis:bound/subscribing",
        exports: { default: async },
        with: { "colchis:plugin/types@1.0.0": super::imports::types },
    });
}

/// `colchis:event-source/receiver`.
pub(crate) mod receiver {
    wasmtime::component::bindgen!({
        path: ["../../wit/plugin", "../../wit/event-source"],
        inline: "package colchis:bound; world receiving { export colchis:event-source/receiver@1.0.0; }",
        world: "colchis:bound/receiving",
        exports: { default: async },
        with: { "colchis:plugin/types@1.0.0": super::imports::types },
    });
}

/// `colchis:trigger/action`.
pub(crate) mod trigger {
    wasmtime::component::bindgen!({
        path: ["../../wit/plugin", "../../wit/trigger"],
        inline: "package colchis:bound; world acting { export colchis:trigger/action@1.0.0; }",
        world: "colchis:bound/acting",
        exports: { default: async },
        with: { "colchis:plugin/types@1.0.0": super::imports::types },
    });
}

/// `colchis:step`: its files, and `step`.
pub(crate) mod step {
    wasmtime::component::bindgen!({
        path: ["../../wit/plugin", "../../wit/step"],
        inline: "package colchis:bound; world stepping {
            import colchis:step/files@1.0.0;
            export colchis:step/step@1.0.0;
        }",
        world: "colchis:bound/stepping",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "colchis:plugin/types@1.0.0": super::imports::types,
            "colchis:step/files.artifact": crate::capabilities::files::Artifact,
            "colchis:step/files.artifact-writer": crate::capabilities::files::Writer,
        },
    });
}
