//! `colchis:plugin/description`.

use std::sync::Arc;

use plugin::{CallContext, Finding, Info, Kind, PluginError, Result};
use serde_json::Value;
use wasmtime::component::InstancePre;

use crate::call::Ground;
use crate::convert;
use crate::error::LoadError;
use crate::instance::State;
use crate::loaded::{Exports, Loaded, Shared};

/// Asks a component what it is.
pub(crate) async fn describe(
    ground: &Ground,
    shared: &Arc<Shared>,
    pre: &InstancePre<State>,
    exports: &Exports,
    context: &CallContext,
) -> std::result::Result<Info, LoadError> {
    let said = ground.call_unlimited(shared, pre, context, async |store, instance| {
        let described = exports.description.load(&mut *store, instance)?;
        described.colchis_plugin_description().call_describe(store).await
    });
    let said = said.await.and_then(|answer| answer).map_err(LoadError::Describe)?;
    convert::info(said).map_err(|why| LoadError::Description { why })
}

/// Asks a plugin about a configuration.
pub(crate) async fn check_config(
    ground: &Ground,
    loaded: &Loaded,
    context: &CallContext,
    kind: Kind,
    config: &Value,
) -> Result<Vec<Finding>> {
    let (wit_kind, text) = (convert::kind_to_wit(kind), config.to_string());
    let said = ground.call(loaded, kind, context, async |store, instance| {
        let described = loaded.exports.description.load(&mut *store, instance)?;
        described.colchis_plugin_description().call_check_config(store, &wit_kind, &text).await
    });
    said.await.map(convert::findings).map_err(|error: PluginError| error)
}
