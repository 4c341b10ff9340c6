//! What `bindgen!` makes of the interfaces in `wit/`: the host's side of what plugins import, and the callers of what they export.
//!
//! A component may be of several kinds, so each export has a world of its own here, looked for in the component when it is loaded.

/// What plugins import.
pub(crate) mod host {
    wasmtime::component::bindgen!({
        path: "../../wit/plugin",
        world: "colchis:plugin/host",
        imports: { default: async | trappable },
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

/// `colchis:step/step`.
pub(crate) mod step {
    wasmtime::component::bindgen!({
        path: ["../../wit/plugin", "../../wit/step"],
        inline: "package colchis:bound; world stepping { export colchis:step/step@1.0.0; }",
        world: "colchis:bound/stepping",
        exports: { default: async },
        with: { "colchis:plugin/types@1.0.0": super::imports::types },
    });
}
