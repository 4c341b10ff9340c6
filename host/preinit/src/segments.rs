//! Fewer data segments: a linker that leaves zeros out writes a hundred thousand of them, as many as a module may have at all.

use std::borrow::Cow;

use wasm_encoder::{DataCountSection, DataSection, Module, RawSection};
use wasmparser::{Chunk, ConstExpr, DataKind, Operator, Parser, Payload};

/// Zeros between two segments that are written out (bytes).
const GAP_MAX: usize = 256;

/// The same module with segments that lie close to each other as one; nothing when there is something in the way: segments that are copied by hand, go to other memories, or
/// lie over each other.
pub(crate) fn joined(module: &[u8]) -> wasmparser::Result<Option<Vec<u8>>> {
    let Some(parts) = parts(module)? else { return Ok(None) };
    let mut made = Module::new();
    let mut rest = module;
    let mut parser = Parser::new(0);
    loop {
        let (payload, consumed) = match parser.parse(rest, true)? {
            Chunk::Parsed { payload, consumed } => (payload, consumed),
            Chunk::NeedMoreData(_) => return Ok(None),
        };
        rest = rest.get(consumed..).unwrap_or_default();
        match payload {
            Payload::End(_) => return Ok(Some(made.finish())),
            Payload::DataCountSection { .. } => {
                made.section(&DataCountSection { count: u32::try_from(parts.len()).unwrap_or(u32::MAX) });
            }
            Payload::DataSection(_) => {
                let mut section = DataSection::new();
                for part in &parts {
                    section.active(
                        0,
                        &wasm_encoder::ConstExpr::i32_const(part.at.cast_signed()),
                        part.bytes.iter().copied(),
                    );
                }
                made.section(&section);
            }
            Payload::CodeSectionStart { range, size, .. } => {
                let data = module.get(range).unwrap_or_default();
                made.section(&RawSection { id: CODE, data });
                // Its functions are in it.
                rest = rest.get(size as usize..).unwrap_or_default();
                parser.skip_section();
            }
            other => {
                if let Some((id, range)) = other.as_section() {
                    made.section(&RawSection { id, data: module.get(range).unwrap_or_default() });
                }
            }
        }
    }
}

/// Number of the section of code.
const CODE: u8 = 10;

/// What is put into memory.
struct Part<'a> {
    at: u32,
    bytes: Cow<'a, [u8]>,
}

fn parts(module: &[u8]) -> wasmparser::Result<Option<Vec<Part<'_>>>> {
    // Offsets are unsigned, though they are written as signed numbers.
    let mut found: Vec<(u32, &[u8])> = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        let Payload::DataSection(section) = payload? else { continue };
        for data in section {
            let data = data?;
            let DataKind::Active { memory_index: 0, offset_expr } = data.kind else { return Ok(None) };
            let Some(at) = constant(&offset_expr)? else { return Ok(None) };
            found.push((at.cast_unsigned(), data.data));
        }
    }
    found.sort_by_key(|(at, _)| *at);
    let mut parts: Vec<Part<'_>> = Vec::new();
    for (at, data) in found {
        if let Some(last) = parts.last_mut() {
            let end = u64::from(last.at) + last.bytes.len() as u64;
            let Some(gap) = u64::from(at).checked_sub(end) else { return Ok(None) };
            if let Ok(gap) = usize::try_from(gap)
                && gap <= GAP_MAX
            {
                let bytes = last.bytes.to_mut();
                bytes.resize(bytes.len() + gap, 0);
                bytes.extend_from_slice(data);
                continue;
            }
        }
        parts.push(Part { at, bytes: Cow::Borrowed(data) });
    }
    Ok(Some(parts))
}

/// The number that an expression is, if it is one.
fn constant(expression: &ConstExpr<'_>) -> wasmparser::Result<Option<i32>> {
    match expression.get_operators_reader().read()? {
        Operator::I32Const { value } => Ok(Some(value)),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(data: &str, expected: Option<&str>) {
        let module = |data: &str| {
            let text = format!(
                r#"(module (memory (export "memory") 1) {data} (func (export "f") (result i32) (i32.load (i32.const 0))) (func (export "g")))"#
            );
            wat::parse_str(text).unwrap()
        };
        let made = joined(&module(data)).unwrap();
        assert_eq!(made, expected.map(module), "{data}");
    }

    #[test]
    fn what_lies_close_is_one() {
        check("", Some(""));
        check(r#"(data (i32.const 8) "a")"#, Some(r#"(data (i32.const 8) "a")"#));
        check(
            r#"(data (i32.const 8) "a") (data (i32.const 9) "b") (data (i32.const 12) "c") (data (i32.const 9000) "d")"#,
            Some(r#"(data (i32.const 8) "ab\00\00c") (data (i32.const 9000) "d")"#),
        );
        check(r#"(data (i32.const 8) "b") (data (i32.const 4) "a")"#, Some(r#"(data (i32.const 4) "a\00\00\00b")"#));
    }

    #[test]
    fn what_is_in_the_way_leaves_all_as_it_is() {
        check(r#"(data (i32.const 8) "a") (data "by hand")"#, None);
        check(r#"(data (i32.const 8) "ab") (data (i32.const 9) "over it")"#, None);
    }
}
