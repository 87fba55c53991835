//! The real provider, as the host runs it: its library, built for release, loaded by the host's loader.

use futures_util::{StreamExt as _, stream};
use gatepost::{
    message::{Content, MessageId, OutcomeKind, Recipient, Text, Timestamp},
    plugin::{Handle as _, Instance, Libraries, Submission},
};
use gatepost_provider_api::Definition;
use serde_json::json;
use std::{
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// A gateway to an SMSC.
pub(crate) struct Provider {
    instance: Arc<Instance>,
    /// Where its library lies.
    _folder: TempDir,
}

impl Provider {
    /// One with this window, bound to the SMSC on this port.
    pub(crate) async fn load(port: u16, window: usize) -> Self {
        let target = std::env::current_exe().unwrap();
        let release = target.ancestors().nth(2).unwrap().to_owned();
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--release", "--package", "gatepost-provider-smpp"])
            .env("CARGO_TARGET_DIR", release.parent().unwrap())
            .status()
            .unwrap();
        assert!(built.success(), "the provider does not build");
        let folder = tempfile::tempdir().unwrap();
        let plugins = folder.path().join("plugins");
        std::fs::create_dir(&plugins).unwrap();
        std::fs::copy(release.join("libgatepost_provider_smpp.so"), plugins.join("smpp.so")).unwrap();
        let libraries = Libraries::new(&folder.path().join("copies")).unwrap();
        let registry = libraries.find(&[plugins], None);
        let library = registry.provider("smpp").unwrap();
        let parameters = json!({
            "SMSC_HOST": "127.0.0.1", "SMSC_PORT": port, "SYSTEM_ID": "bench", "S_ADDR": "ACME", "WINDOW": window,
        });
        let parameters = parameters.as_object().unwrap().clone();
        let definition = Definition { gateway: "bench".into(), parameters, ..Definition::default() };
        let (instance, _) = Instance::create(library, &definition, &[], None).unwrap();
        instance.start().await;
        Self { instance, _folder: folder }
    }

    /// Accepted messages a second, over `time`, with so many at once.
    pub(crate) async fn rate(&self, in_flight: usize, time: Duration) -> f64 {
        // Twice as many ids as are in flight: making one asks the kernel for random bytes, and is no part of this.
        let ids = (0..in_flight * 2).map(|_| MessageId::new()).collect::<Vec<_>>();
        let numbers = stream::iter(0..).zip(stream::iter(ids.iter().cycle()));
        let numbers = numbers.map(|(number, id)| self.instance.submit(submission(*id, number)));
        let mut outcomes = numbers.buffer_unordered(in_flight);
        // The first ones wait for the bind.
        for _ in 0..in_flight * 2 {
            assert_eq!(outcomes.next().await.unwrap().kind, OutcomeKind::Accepted);
        }
        let (mut accepted, began) = (0_u64, Instant::now());
        while began.elapsed() < time {
            let outcome = outcomes.next().await.unwrap();
            assert_eq!(outcome.kind, OutcomeKind::Accepted, "{outcome:?}");
            accepted += 1;
        }
        accepted as f64 / began.elapsed().as_secs_f64()
    }

    pub(crate) async fn stop(&self) {
        Arc::clone(&self.instance).stop().await;
    }
}

fn submission(id: MessageId, number: u32) -> Submission {
    Submission {
        id,
        to: Recipient::new("+491701234567"),
        from: None,
        content: Content { text: Text::new(format!("Your code is {number:06}")), title: None, data: None },
        tag: None,
        expires_at: Timestamp::from_millis(4_000_000_000_000),
        attempt: 1,
    }
}
