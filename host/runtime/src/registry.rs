//! The instances of one engine that are in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use engine::Engine;
use serde::Serialize;
use serde::de::DeserializeOwned;
use store::journal::Append;
use store::{Result, StoreError};
use tokio::sync::{mpsc, oneshot};

use crate::instance::{self, Begin, Born, Common, Host, INPUTS_MAX, Message};

/// Where each instance takes its messages.
type Senders<E> = HashMap<Arc<str>, mpsc::Sender<Message<E>>>;

/// The instances of one engine: made when something is sent to them, gone when they have nothing to do.
pub(crate) struct Registry<E: Engine> {
    common: Arc<Common>,
    senders: Arc<Mutex<Senders<E>>>,
    host: std::sync::OnceLock<Arc<dyn Host<E>>>,
}

impl<E> Registry<E>
where
    E: Engine,
    E::Change: Serialize + DeserializeOwned,
    E::Input: Clone + Sync,
{
    pub(crate) fn new(common: Arc<Common>) -> Self {
        Self { common, senders: Arc::default(), host: std::sync::OnceLock::new() }
    }

    /// Says who performs effects. Once, before anything is sent.
    pub(crate) fn set_host(&self, host: Arc<dyn Host<E>>) {
        let _ = self.host.set(host);
    }

    fn sender(&self, id: &Arc<str>, begin: Begin<E>) -> Option<mpsc::Sender<Message<E>>> {
        self.sender_or_new(id, begin).map(|(sender, _)| sender)
    }

    /// Where an instance takes its messages, and whether it was made just now.
    fn sender_or_new(&self, id: &Arc<str>, begin: Begin<E>) -> Option<(mpsc::Sender<Message<E>>, bool)> {
        let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = senders.get(id)
            && !sender.is_closed()
        {
            return Some((sender.clone(), false));
        }
        let host = self.host.get()?.clone();
        let (sender, inbox) = mpsc::channel(INPUTS_MAX);
        senders.insert(id.clone(), sender.clone());
        let (common, id, all) = (self.common.clone(), id.clone(), self.senders.clone());
        tokio::spawn(async move {
            let task = tokio::spawn(instance::run(common, host.clone(), id.clone(), inbox, begin));
            if let Err(failed) = task.await
                && failed.is_panic()
            {
                // A panic ends this instance only. It is a fault of ours, and its run says so.
                host.quarantined(&id, "the engine panicked; see the server's log");
            }
            let mut senders = all.lock().unwrap_or_else(PoisonError::into_inner);
            if senders.get(&id).is_some_and(mpsc::Sender::is_closed) {
                senders.remove(&id);
            }
        });
        Some((sender, true))
    }

    async fn deliver(&self, id: &Arc<str>, mut message: Message<E>) -> Result<()> {
        // An instance may leave memory between finding and sending; then a new one is made.
        for _ in 0..3 {
            let Some(sender) = self.sender(id, Begin::Known) else { break };
            match sender.send(message).await {
                Ok(()) => return Ok(()),
                Err(back) => message = back.0,
            }
        }
        Err(StoreError::Unavailable { reason: format!("{} {id} cannot take inputs now", E::NAME), source: None })
    }

    /// Makes an instance from its journal and performs its outstanding effects again.
    pub(crate) fn recover(self: &Arc<Self>, id: &Arc<str>)
    where
        E::Input: Send,
    {
        self.take_up(id, Begin::Recovered);
    }

    /// Takes an instance up whose first record was committed with its object.
    pub(crate) fn born(self: &Arc<Self>, id: &Arc<str>, born: Born<E>)
    where
        E::Input: Send,
    {
        self.take_up(id, Begin::Born(Box::new(born)));
    }

    fn take_up(self: &Arc<Self>, id: &Arc<str>, begin: Begin<E>)
    where
        E::Input: Send,
    {
        if let Some((_, false)) = self.sender_or_new(id, begin) {
            // Somebody has asked for it before: then nothing of it was performed.
            let (this, id) = (self.clone(), id.clone());
            tokio::spawn(async move {
                if let Err(problem) = this.deliver(&id, Message::Recover).await {
                    tracing::warn!(%problem, "what an earlier server left open was not taken up");
                }
            });
        }
    }

    /// What an instance makes of its first input, and the record of that; nothing is known of the instance yet.
    pub(crate) fn conceive(&self, id: &Arc<str>, input: E::Input) -> (Born<E>, Append) {
        Born::of(&self.common, id.clone(), input)
    }

    /// Makes an instance that has no journal yet, and sends it its first input.
    pub(crate) async fn begin(&self, id: &Arc<str>, input: E::Input) -> Result<()> {
        let _ = self.sender(id, Begin::Fresh);
        self.send(id, input).await
    }

    /// Sends an input; does not wait for its commit.
    pub(crate) async fn send(&self, id: &Arc<str>, input: E::Input) -> Result<()> {
        self.deliver(id, Message::Input(input, None)).await
    }

    /// Sends an input without waiting for room, where the caller must not wait.
    pub(crate) fn post(self: &Arc<Self>, id: &Arc<str>, input: E::Input)
    where
        E::Input: Send,
    {
        let (this, id) = (self.clone(), id.clone());
        if let Some(sender) = this.sender(&id, Begin::Known) {
            match sender.try_send(Message::Input(input, None)) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(message) | mpsc::error::TrySendError::Closed(message)) => {
                    tokio::spawn(async move {
                        if let Err(problem) = this.deliver(&id, message).await {
                            tracing::warn!(%problem, "an input was not delivered");
                        }
                    });
                }
            }
        }
    }

    /// Sends an input and waits for its commit.
    pub(crate) async fn commit(&self, id: &Arc<str>, input: E::Input) -> Result<()> {
        let (done, answer) = oneshot::channel();
        self.deliver(id, Message::Input(input, Some(done))).await?;
        answer.await.unwrap_or_else(|_| Err(gone::<E>(id)))
    }

    /// Sends inputs and waits until the last one's consequences are durable.
    pub(crate) async fn commit_all(&self, id: &Arc<str>, inputs: Vec<E::Input>) -> Result<()> {
        let (done, answer) = oneshot::channel();
        self.deliver(id, Message::Inputs(inputs, done)).await?;
        answer.await.unwrap_or_else(|_| Err(gone::<E>(id)))
    }

    /// Makes an input of the state and waits for its commit; `None` makes none.
    pub(crate) async fn decide(
        &self,
        id: &Arc<str>,
        decide: impl FnOnce(&E::State) -> Option<E::Input> + Send + 'static,
    ) -> Result<()> {
        let (done, answer) = oneshot::channel();
        self.deliver(id, Message::Decide(Box::new(decide), done)).await?;
        // Nothing was decided when the sender is dropped.
        answer.await.unwrap_or(Ok(()))
    }

    /// Reads the state.
    pub(crate) async fn look<R: Send + 'static>(
        &self,
        id: &Arc<str>,
        look: impl FnOnce(&E::State, u64) -> R + Send + 'static,
    ) -> Result<R> {
        let (done, answer) = oneshot::channel();
        let look = Message::Look(Box::new(move |state: &E::State, seq| {
            let _ = done.send(look(state, seq));
        }));
        self.deliver(id, look).await?;
        answer.await.map_err(|_| gone::<E>(id))
    }

    /// Whether an instance is in memory.
    pub(crate) fn is_loaded(&self, id: &str) -> bool {
        let senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        senders.get(id).is_some_and(|s| !s.is_closed())
    }

    /// How many instances are in memory.
    pub(crate) fn len(&self) -> usize {
        self.senders.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

fn gone<E: Engine>(id: &str) -> StoreError {
    StoreError::Unavailable {
        reason: format!("{} {id} was set aside; see the object's message", E::NAME),
        source: None,
    }
}
