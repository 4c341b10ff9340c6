//! Calls by hand of renderers: the source tree is a map of paths and contents.

use plugin::{CallContext, Desk, Fetch, RenderByHand, render_by_hand};
use serde_json::Value;

use crate::failure::{Failure, Outcome};

pub(super) async fn renderer(
    plugins: &dyn Desk,
    fetch: &dyn Fetch,
    name: &str,
    function: &str,
    context: &CallContext,
    asked: RenderByHand,
) -> Outcome<Value> {
    let renderer = plugins.renderer(name)?;
    let request = asked.into_request().map_err(|bad| Failure::field("request.files", bad))?;
    Ok(render_by_hand(&*renderer, fetch, function, context, request).await?)
}
