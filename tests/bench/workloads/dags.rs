//! W5: the cost of one task must not grow with the size of its DAG.

use std::time::{Duration, Instant};

use super::{finish, submit_text, virtual_server};
use crate::report::{Row, Target};
use crate::shapes;

const SIZES: &[usize] = &[100, 1_000, 10_000, 100_000];

/// One shape at one size.
struct Figures {
    /// The server's processor time for each task.
    cpu_per_task: Duration,
    submit: Duration,
    whole: Duration,
    /// Peak memory above that of an idle server, for each task.
    bytes_per_task: f64,
}

/// W5.
pub(crate) async fn run(rounds: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    for (shape, make) in shapes::ALL {
        let mut smallest = None;
        for &size in SIZES {
            // Small ones are over too soon to be measured once.
            let repeat = (20_000 / size).clamp(1, 40 * rounds.max(1));
            let figures = measure(make(size).to_string(), size, repeat).await;
            let micros = figures.cpu_per_task.as_secs_f64() * 1e6;
            rows.push(Row::new("W5", format!("{shape}, {size} tasks: CPU per task"), "µs", micros, Target::None));
            let base = *smallest.get_or_insert(micros);
            if size == 100_000 {
                rows.push(Row::new(
                    "W5",
                    format!("{shape}: CPU per task at 10⁵ against 10²"),
                    "×",
                    micros / base,
                    Target::Most(1.3),
                ));
                let seconds = figures.submit.as_secs_f64();
                rows.push(Row::new("W5", format!("{shape}, {size} tasks: submit"), "s", seconds, Target::Most(2.0)));
                rows.push(Row::new(
                    "W5",
                    format!("{shape}, {size} tasks: whole run"),
                    "s",
                    figures.whole.as_secs_f64(),
                    Target::None,
                ));
                let kib = figures.bytes_per_task / 1024.0;
                rows.push(Row::new(
                    "W5",
                    format!("{shape}, {size} tasks: memory per task at peak"),
                    "KiB",
                    kib,
                    Target::Most(1.5),
                ));
            }
        }
    }
    rows
}

async fn measure(manifest: String, size: usize, repeat: usize) -> Figures {
    let server = virtual_server().await;
    let client = server.client().await;
    let idle = server.memory();
    let cpu = server.cpu();
    let (mut submit, mut whole) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..repeat {
        let begun = Instant::now();
        let name = submit_text(&client, manifest.clone()).await;
        submit += begun.elapsed();
        finish(&client, &name).await;
        whole += begun.elapsed();
    }
    let times = u32::try_from(repeat).unwrap();
    Figures {
        cpu_per_task: (server.cpu() - cpu) / times / u32::try_from(size).unwrap(),
        submit: submit / times,
        whole: whole / times,
        bytes_per_task: server.memory_peak().saturating_sub(idle) as f64 / size as f64,
    }
}
