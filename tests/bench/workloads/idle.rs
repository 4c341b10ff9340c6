//! A server that does nothing.

use std::time::{Duration, Instant};

use tests::Server;

use super::percentile;
use crate::report::{Row, Target};

const WATCHED: Duration = Duration::from_secs(10);

/// Start, memory, CPU.
pub(crate) async fn run(rounds: usize) -> Vec<Row> {
    let mut server = Server::start().await;
    let mut starts = Vec::new();
    for _ in 0..rounds.max(1) {
        server.stop().await;
        let begun = Instant::now();
        server.restart().await;
        starts.push(begun.elapsed());
    }
    let cpu = server.cpu();
    tokio::time::sleep(WATCHED).await;
    let share = (server.cpu() - cpu).as_secs_f64() / WATCHED.as_secs_f64() * 100.0;
    vec![
        Row::new("idle", "start until it answers", "s", percentile(&mut starts, 0.5).as_secs_f64(), Target::Most(0.3)),
        Row::new("idle", "memory", "MiB", server.memory() as f64 / 1_048_576.0, Target::Most(35.0)),
        Row::new("idle", "CPU", "%", share, Target::Most(0.5)),
    ]
}
