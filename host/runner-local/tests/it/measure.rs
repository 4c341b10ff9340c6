//! Figures, not assertions: `cargo test --release -p runner-local --test it -- --ignored --nocapture measure`.

use std::time::Instant;

use runner::{Runner, UnitHappening};

use crate::kit::{Kit, settings, shell};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "prints figures"]
async fn measure_launches() {
    let dir = std::sync::Arc::new(tempfile::tempdir().unwrap());
    let mut kit = Kit::with(runner_local::Settings { pool: 6, ..settings() }, dir).await;
    kit.runner.warm_up().await.unwrap();
    kit.run(shell("w/warm", ":")).await;
    for round in 0..3 {
        let begun = Instant::now();
        let n = 40;
        for i in 0..n {
            let key = kit.start(shell(&format!("s{round}/{i}"), ":")).await;
            let result = kit.ended(&key).await;
            assert_eq!(result.exit_code, Some(0), "{result:?}");
            kit.runner.release(&key).await.unwrap();
        }
        let each = begun.elapsed().as_secs_f64() * 1000.0 / f64::from(n);
        println!("one after another: {each:.2} ms/step ({n} steps)");
        let begun = Instant::now();
        let n = 400;
        let (mut next, mut done) = (0, 0);
        while done < n {
            while next < n && next - done < 10 {
                kit.start(shell(&format!("p{round}/{next}"), ":")).await;
                next += 1;
            }
            let event = kit.events.recv().await.unwrap();
            if let UnitHappening::Ended(result) = event.what {
                assert_eq!(result.exit_code, Some(0), "{result:?}");
                kit.runner.release(&event.key).await.unwrap();
                done += 1;
            }
        }
        let each = begun.elapsed().as_secs_f64() * 1000.0 / f64::from(n);
        println!("ten at a time: {each:.2} ms/step ({n} steps)");
    }
}
