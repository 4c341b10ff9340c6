//! Pages that fit into messages.

use bytes::Bytes;
use model::Object;
use proto_gen::v1::ObjectItem;
use store::objects::{ListQuery, Objects, Page};

use crate::document::{self, Parts};
use crate::failure::Outcome;
use crate::settings::Limits;

/// Room in a message beside what it carries (bytes).
const ENVELOPE_BYTES: u64 = 16 << 10;

/// A page whose items, as `size` tells them, fit into one message: asked for again with fewer items if need be.
pub(crate) async fn fitting(
    objects: &dyn Objects,
    mut query: ListQuery,
    limits: &Limits,
    size: impl Fn(&Object) -> u64 + Send,
) -> Outcome<Page> {
    let room = limits.message_bytes_max.saturating_sub(ENVELOPE_BYTES);
    loop {
        let page = objects.list(&query).await?;
        let mut used = 0;
        let fits = page.items.iter().take_while(|object| {
            used += size(object);
            used <= room
        });
        let fits = fits.count();
        // One item is always told: an object that does not fit travels without its body.
        if fits >= page.items.len() || page.items.len() <= 1 {
            return Ok(page);
        }
        query.limit = Some(u32::try_from(fits.max(1)).unwrap_or(1));
    }
}

/// About how large an object is as JSON text (bytes).
pub(crate) fn size_of(object: &Object) -> u64 {
    store::codec::size_of(object) + 512
}

/// An object as an item, without its body when it is larger than a message.
pub(crate) fn item(object: &Object, parts: Parts, reveal: bool, limits: &Limits) -> Outcome<ObjectItem> {
    let room = limits.message_bytes_max.saturating_sub(ENVELOPE_BYTES);
    if parts == Parts::Whole && size_of(object) > room {
        return Ok(ObjectItem { document: document::shown(object, Parts::WithoutBody, reveal)?, body_omitted: true });
    }
    Ok(ObjectItem { document: document::shown(object, parts, reveal)?, body_omitted: false })
}

/// Whether a document fits into one message.
pub(crate) fn fits(document: &Bytes, limits: &Limits) -> bool {
    document.len() as u64 <= limits.message_bytes_max.saturating_sub(ENVELOPE_BYTES)
}

/// The parts of a document, with its size; at least one.
pub(crate) fn chunks(mut document: Bytes, limits: &Limits) -> impl Iterator<Item = Bytes> + Send + 'static {
    let size = usize::try_from(limits.chunk_bytes).unwrap_or(usize::MAX).max(1);
    let mut first = true;
    std::iter::from_fn(move || {
        if document.is_empty() && !std::mem::take(&mut first) {
            return None;
        }
        first = false;
        Some(document.split_to(document.len().min(size)))
    })
}
