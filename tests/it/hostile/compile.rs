//! Components that are made to be compiled for ever, or to take all memory on the way.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::plugins::{apply, plugin, server, stands};

/// The compiler's own limits are minutes; what it takes on a machine that is busy is more than other tests wait for anything.
const PATIENCE: Duration = Duration::from_secs(200);

/// A component of a few kilobytes with one function of nested loops in which every variable changes: what is remembered of each variable at the
/// head of each loop grows with the square of its size.
fn bomb(size: u32) -> Vec<u8> {
    let mut code = Vec::new();
    code.extend([1].into_iter().chain(leb(size)).chain([0x7f]));
    code.extend([0x03, 0x40].repeat(size as usize));
    for variable in 0..size {
        code.extend([0x20].into_iter().chain(leb(variable)).chain([0x41, 0x01, 0x6a, 0x21]).chain(leb(variable)));
    }
    code.extend([0x20, 0x00, 0x0d, 0x00, 0x0b].repeat(size as usize));
    code.push(0x0b);
    let function = [leb(u32::try_from(code.len()).unwrap()), code].concat();
    let sections = [section(1, &[0x60, 0, 0]), section(3, &[0]), section(10, &function)];
    let module = [b"\0asm\x01\0\0\0".to_vec(), sections.concat()].concat();
    let nested = [vec![1], leb(u32::try_from(module.len()).unwrap()), module].concat();
    [b"\0asm\x0d\0\x01\0".to_vec(), nested].concat()
}

/// A section with one item.
fn section(id: u8, item: &[u8]) -> Vec<u8> {
    [vec![id], leb(u32::try_from(item.len()).unwrap() + 1), vec![1], item.to_vec()].concat()
}

/// A number in LEB128.
fn leb(mut number: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).unwrap();
        number >>= 7;
        bytes.push(if number > 0 { low | 0x80 } else { low });
        if number == 0 {
            return bytes;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compile_bomb_ends_its_compiler_and_nothing_else() {
    let test = "a_compile_bomb_ends_its_compiler_and_nothing_else";
    let Some(server) = server(test, &["greet"]).await else { return };
    let client = server.client().await;
    let bomb = bomb(1500);
    assert!(bomb.len() < 32 << 10, "{}", bomb.len());
    std::fs::write(server.home().join("plugins/bomb.wasm"), bomb).unwrap();
    apply(&server, &plugin("bomb", json!({"source": {"file": "bomb.wasm"}})));
    // Meanwhile others are loaded and answer.
    apply(&server, &plugin("greet", json!({"source": {"file": "greet.wasm"}})));
    stands(&client, "greet", "True", "InService", "version").await;
    let begun = Instant::now();
    let condition = loop {
        let shown = server.cli(&["get", "plugin", "bomb", "-o", "json"]).ok();
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        let condition = shown["status"]["conditions"][0].clone();
        if condition["status"] == "False" {
            break condition;
        }
        assert!(begun.elapsed() < PATIENCE, "{shown}");
        tokio::time::sleep(Duration::from_millis(250)).await;
    };
    assert_eq!(condition["reason"], "CompileFailed", "{condition}");
    assert!(condition["message"].as_str().unwrap().contains("too much memory or time"), "{condition}");
    assert!(server.memory() < 512 << 20, "{} bytes", server.memory());
    stands(&client, "greet", "True", "InService", "version").await;
}
