//! One bind: a window of unanswered PDUs, answers to what the SMSC asks, and how it ends.
//!
//! # Source
//! SMPP 3.4, sections 2.2 (states), 2.9 (timers), 4.1 (bind), 4.2 (unbind), 4.11 (enquire_link), 4.3 (generic_nack).

use crate::{
    client::Client,
    config::{Bind, Config},
    deliver,
    figures::{self, Counts},
    link::{self, Incoming, Link, Writer},
    outcome::{self, PartEnd},
    queue::{Job, Turn},
    request::c_string,
};
use futures_util::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use gatepost_provider_api::{
    SubmitError,
    tokio::{
        select,
        task::yield_now,
        time::{Instant, sleep_until, timeout},
    },
    tracing,
};
use rusmpp::{
    CommandId, Pdu,
    pdus::{BindReceiver, BindTransceiver, BindTransmitter, DeliverSmResp},
    types::COctetString,
    values::{InterfaceVersion, Npi, Ton},
};
use std::{
    collections::{HashMap, VecDeque},
    io,
    sync::Mutex,
    time::Duration,
};

/// How long unanswered parts, and then the answer to unbind, are waited for.
pub(crate) const LEAVE: Duration = Duration::from_secs(2);

/// The last sequence number (SMPP 3.4, section 3.2).
const LAST_SEQUENCE: u32 = 0x7fff_ffff;

/// What the SMSC has not read: it is not listened to either, then.
const MOST_OUTPUT: usize = 1 << 20;

/// Events of the SMSC that the host has not stored yet; it is to repeat what is more.
const MOST_EVENTS: usize = 500;

const INVALID_COMMAND: u32 = 0x03;
/// ESME_RX_T_APPN: come again with it.
const COME_AGAIN: u32 = 0x64;
/// ESME_RX_R_APPN: don't.
const REFUSED: u32 = 0x66;

/// How a bind ended.
#[derive(Debug)]
pub(crate) enum Over {
    Stopped,
    /// There was none.
    Failed(SubmitError),
    /// The SMSC has ended it; its answer is to be written.
    Unbound,
    Lost(String),
}

/// Asks for a bind; the status of the answer.
pub(crate) async fn bind(link: &mut Link, bind: Bind, config: &Config) -> io::Result<u32> {
    // What does not fit was refused with the definition.
    fn field<const MIN: usize, const MAX: usize>(text: &str) -> COctetString<MIN, MAX> {
        c_string(text).unwrap_or_else(COctetString::null)
    }
    let (id, password, system_type) =
        (field(&config.system_id), field(&config.password), field(&config.system_type));
    let (range, version) = (field(&config.address_range), InterfaceVersion::Smpp3_4);
    let (ton, npi) = (Ton::from(0), Npi::from(0));
    let pdu = match bind {
        Bind::Transceiver => {
            Pdu::from(BindTransceiver::new(id, password, system_type, version, ton, npi, range))
        }
        Bind::Transmitter => BindTransmitter::new(id, password, system_type, version, ton, npi, range).into(),
        Bind::Receiver => BindReceiver::new(id, password, system_type, version, ton, npi, range).into(),
    };
    let wanted = u32::from(pdu.command_id().matching_response());
    link.send(1, pdu).await?;
    loop {
        let incoming = link.receive().await?;
        match CommandId::from(incoming.id) {
            _ if incoming.id == wanted => return Ok(incoming.status),
            // A refusal must not look like a bind.
            CommandId::GenericNack => return Ok(incoming.status.max(1)),
            CommandId::EnquireLink => link.send(incoming.sequence, Pdu::EnquireLinkResp).await?,
            CommandId::Unbind => return Err(io::Error::other("the SMSC unbinds")),
            _ => {}
        }
    }
}

/// Takes leave, where nothing else is on its way.
pub(crate) async fn leave(link: &mut Link, sequence: u32) {
    let parting = async {
        link.send(sequence, Pdu::Unbind).await?;
        while link.receive().await?.id != u32::from(CommandId::UnbindResp) {}
        io::Result::Ok(())
    };
    // Whatever it answers.
    drop(timeout(LEAVE, parting).await);
}

/// A part that has been given to the link.
struct Sent {
    job: Job,
    /// Where in the stream it ends.
    end: u64,
    since: Instant,
}

/// The state of a bind.
struct Session<'c> {
    client: &'c Client,
    bind: Bind,
    counts: &'c Mutex<Counts>,
    sequence: u32,
    window: HashMap<u32, Sent>,
    /// What is not wholly written, in order.
    unwritten: VecDeque<(u64, u32)>,
    /// Until when which part is to be answered, in order.
    due: VecDeque<(Instant, u32)>,
    /// Until when the SMSC must have said anything.
    alive_until: Option<Instant>,
    next_enquiry: Instant,
    /// The enquire_link that is not answered, and since when.
    enquiry: Option<(u32, Instant)>,
    /// Until when some of what is to be written must be.
    stalled_at: Option<Instant>,
    events: FuturesUnordered<BoxFuture<'c, (u32, bool)>>,
    leaving: Option<Leaving>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Leaving {
    /// Parts are unanswered.
    Waiting(Instant),
    Unbound(Instant),
}

/// Works on a bind until it ends. Each part that it took has ended by then, or waits again.
pub(crate) async fn run(mut link: Link, bind: Bind, counts: &Mutex<Counts>, client: &Client) -> Over {
    client.running.send_modify(|running| *running += 1);
    let mut session = Session {
        client,
        bind,
        counts,
        sequence: 1,
        window: HashMap::new(),
        unwritten: VecDeque::new(),
        due: VecDeque::new(),
        alive_until: None,
        next_enquiry: Instant::now() + client.config.enquire_link,
        enquiry: None,
        stalled_at: None,
        events: FuturesUnordered::new(),
        leaving: None,
    };
    let over = session.work(&mut link).await;
    if matches!(over, Over::Unbound) {
        // The SMSC waits for it, or has gone.
        drop(timeout(LEAVE, link.flush()).await);
    }
    session.end(&link.writer, &over);
    client.running.send_modify(|running| *running -= 1);
    over
}

impl Session<'_> {
    async fn work(&mut self, link: &mut Link) -> Over {
        let client = self.client;
        loop {
            match self.take_in(link) {
                Ok(()) => {}
                Err(over) => return over,
            }
            let turn = self.fill(&mut link.writer);
            let now = Instant::now();
            self.note_written(&link.writer, now);
            if let Err(over) = self.keep_time(&mut link.writer, now) {
                return over;
            }
            figures::locked(self.counts).unanswered = self.window.len();
            let until = self.next_moment(turn);
            let has_room = self.has_room() && turn.is_none();
            let leaving = self.leaving.is_some();
            let (reader, writer, input) = link.parts();
            let listens = writer.output.len() < MOST_OUTPUT;
            select! {
                read = link::read(reader, input), if listens => match read {
                    Ok(()) => self.alive_until = None,
                    Err(_) if matches!(self.leaving, Some(Leaving::Unbound(_))) => return Over::Stopped,
                    Err(error) => return Over::Lost(error.to_string()),
                },
                written = writer.progress(), if writer.is_busy() => match written {
                    Ok(()) => self.stalled_at = None,
                    Err(error) => return Over::Lost(error.to_string()),
                },
                // Others may be about to add theirs: one write takes all of them.
                () = client.queue.wake.notified(), if has_room => yield_now().await,
                Some((sequence, stored)) = self.events.next(), if !self.events.is_empty() => {
                    self.acknowledge(writer, sequence, if stored { 0 } else { COME_AGAIN });
                }
                () = client.context.stopped(), if !leaving => {
                    self.leaving = Some(Leaving::Waiting(Instant::now() + LEAVE));
                }
                () = sleep_until(until) => {}
            }
        }
    }

    /// Everything that has come.
    fn take_in(&mut self, link: &mut Link) -> Result<(), Over> {
        let now = Instant::now();
        loop {
            match link::next(&mut link.input) {
                Ok(Some(incoming)) => self.understand(&mut link.writer, incoming, now)?,
                Ok(None) => return Ok(()),
                Err(garbage) => return Err(Over::Lost(garbage.to_string())),
            }
        }
    }

    fn understand(&mut self, writer: &mut Writer, incoming: Incoming, now: Instant) -> Result<(), Over> {
        match CommandId::from(incoming.id) {
            CommandId::SubmitSmResp | CommandId::GenericNack => self.answered(&incoming, now),
            CommandId::EnquireLink => {
                link::put(&mut writer.output, 0, incoming.sequence, Pdu::EnquireLinkResp);
            }
            CommandId::DeliverSm => self.delivered(writer, &incoming),
            CommandId::Unbind => {
                link::put(&mut writer.output, 0, incoming.sequence, Pdu::UnbindResp);
                return Err(Over::Unbound);
            }
            CommandId::UnbindResp if self.leaving.is_some() => return Err(Over::Stopped),
            CommandId::EnquireLinkResp => {
                if let Some((_, since)) = self.enquiry.take_if(|(sequence, _)| *sequence == incoming.sequence)
                {
                    figures::locked(self.counts).alive(now - since);
                }
            }
            // Neither has an answer.
            CommandId::AlertNotification | CommandId::Outbind => {}
            id if id.is_operation() => {
                tracing::debug!(id = incoming.id, "the SMSC asks for what is not known here");
                link::put(&mut writer.output, INVALID_COMMAND, incoming.sequence, Pdu::GenericNack);
            }
            _ => {}
        }
        Ok(())
    }

    /// The SMSC's word on a part; one on a part that nobody waits for any more is late.
    fn answered(&mut self, incoming: &Incoming, now: Instant) {
        let Some(Sent { job, since, .. }) = self.window.remove(&incoming.sequence) else { return };
        let is_nack = incoming.id == u32::from(CommandId::GenericNack);
        let status = match incoming.status {
            // A refusal without a reason.
            0 if is_nack => INVALID_COMMAND,
            status => status,
        };
        figures::locked(self.counts).answered(status, now - since);
        match status {
            status if outcome::is_throttled(status) => self.client.queue.throttled(job, status),
            0 => {
                self.client.queue.taken(now);
                job.ended(PartEnd::Accepted(message_id(incoming)));
            }
            status => job.ended(PartEnd::Refused(status)),
        }
    }

    fn delivered(&mut self, writer: &mut Writer, incoming: &Incoming) {
        let sequence = incoming.sequence;
        let Some(delivery) = deliver::read(incoming) else {
            tracing::warn!("a deliver_sm that can't be read is refused");
            self.acknowledge(writer, sequence, REFUSED);
            return;
        };
        if self.events.len() >= MOST_EVENTS {
            self.acknowledge(writer, sequence, COME_AGAIN);
            return;
        }
        let inbox = &self.client.inbox;
        self.events.push(Box::pin(async move { (sequence, inbox.take(delivery).await) }));
    }

    fn acknowledge(&self, writer: &mut Writer, sequence: u32, status: u32) {
        let answer = Pdu::DeliverSmResp(DeliverSmResp::default());
        link::put(&mut writer.output, status, sequence, answer);
    }

    fn has_room(&self) -> bool {
        self.bind != Bind::Receiver && self.leaving.is_none() && self.window.len() < self.client.config.window
    }

    /// Takes parts as long as there is room; when there will be a turn, if there is none now.
    fn fill(&mut self, writer: &mut Writer) -> Option<Instant> {
        let since = Instant::now();
        while self.has_room() {
            match self.client.queue.next() {
                Turn::Nobody => return None,
                Turn::NotBefore(next) => return Some(next),
                Turn::Of(job) => {
                    let sequence = self.next_sequence();
                    job.pdu.put(&mut writer.output, sequence);
                    let end = writer.end();
                    self.unwritten.push_back((end, sequence));
                    self.window.insert(sequence, Sent { job, end, since });
                    figures::locked(self.counts).submits += 1;
                }
            }
        }
        None
    }

    fn next_sequence(&mut self) -> u32 {
        self.sequence = after(self.sequence);
        // After two thousand million, one may still be unanswered.
        while self.window.contains_key(&self.sequence) {
            self.sequence = after(self.sequence);
        }
        self.sequence
    }

    /// The time for an answer begins when all of a PDU is written.
    fn note_written(&mut self, writer: &Writer, now: Instant) {
        while let Some((end, sequence)) = self.unwritten.front().copied() {
            if end > writer.written {
                break;
            }
            self.unwritten.pop_front();
            self.due.push_back((now + self.client.config.response_timeout, sequence));
        }
        if writer.is_busy() {
            self.stalled_at.get_or_insert(now + self.client.config.response_timeout);
        } else {
            self.stalled_at = None;
        }
    }

    /// What is to be done at this time.
    fn keep_time(&mut self, writer: &mut Writer, now: Instant) -> Result<(), Over> {
        let limit = self.client.config.response_timeout.as_secs_f64();
        if self.alive_until.is_some_and(|until| until <= now) {
            return Err(Over::Lost(format!("the SMSC has not answered enquire_link within {limit} s")));
        }
        if self.stalled_at.is_some_and(|until| until <= now) {
            return Err(Over::Lost(format!("the SMSC has read nothing for {limit} s")));
        }
        while let Some((until, sequence)) = self.due.front().copied() {
            let is_answered = !self.window.contains_key(&sequence);
            if !is_answered && until > now {
                break;
            }
            self.due.pop_front();
            if let Some(Sent { job, .. }) = self.window.remove(&sequence) {
                figures::locked(self.counts).lost += 1;
                job.ended(PartEnd::Unanswered(format!("the SMSC did not answer within {limit} s")));
            }
        }
        match self.leaving {
            Some(Leaving::Waiting(until)) if self.window.is_empty() || until <= now => {
                let sequence = self.next_sequence();
                link::put(&mut writer.output, 0, sequence, Pdu::Unbind);
                self.leaving = Some(Leaving::Unbound(now + LEAVE));
            }
            Some(Leaving::Unbound(until)) if until <= now => return Err(Over::Stopped),
            _ => {}
        }
        if self.next_enquiry <= now && self.leaving.is_none() {
            let sequence = self.next_sequence();
            link::put(&mut writer.output, 0, sequence, Pdu::EnquireLink);
            self.enquiry = Some((sequence, now));
            self.next_enquiry = now + self.client.config.enquire_link;
            self.alive_until.get_or_insert(now + self.client.config.response_timeout);
        }
        Ok(())
    }

    fn next_moment(&self, turn: Option<Instant>) -> Instant {
        let leaving = self.leaving.map(|(Leaving::Waiting(until) | Leaving::Unbound(until))| until);
        let due = self.due.front().map(|(until, _)| *until);
        let moments = [turn, leaving, due, self.alive_until, self.stalled_at];
        let enquiry = self.leaving.is_none().then_some(self.next_enquiry);
        let later = Instant::now() + Duration::from_secs(3600);
        moments.into_iter().chain([enquiry]).flatten().min().unwrap_or(later)
    }

    /// What was written may have been taken; what was not waits for another bind.
    fn end(&mut self, writer: &Writer, over: &Over) {
        if self.bind != Bind::Receiver {
            self.client.queue.lost();
        }
        let why = match over {
            Over::Lost(why) => why.as_str(),
            Over::Unbound => "the SMSC unbinds",
            Over::Stopped | Over::Failed(_) => "the gateway stopped",
        };
        figures::locked(self.counts).unanswered = 0;
        let mut left = self.window.drain().collect::<Vec<_>>();
        left.sort_unstable_by_key(|(_, sent)| std::cmp::Reverse(sent.end));
        for (_, Sent { job, end, .. }) in left {
            if end <= writer.written {
                figures::locked(self.counts).lost += 1;
                job.ended(PartEnd::Unanswered(format!("no answer before the link broke: {why}")));
            } else if matches!(over, Over::Stopped) {
                job.ended(PartEnd::NoLink(SubmitError::unavailable("the gateway stopped")));
            } else {
                self.client.queue.put_back(job);
            }
        }
    }
}

fn after(sequence: u32) -> u32 {
    if sequence >= LAST_SEQUENCE { 1 } else { sequence + 1 }
}

/// Up to the zero, at most 64 octets, also where there is none: the part was taken.
fn message_id(incoming: &Incoming) -> String {
    let id = incoming.body.split(|octet| *octet == 0).next().unwrap_or_default();
    String::from_utf8_lossy(id.get(..64).unwrap_or(id)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_begin_again_at_one() {
        assert_eq!((after(1), after(LAST_SEQUENCE - 1), after(LAST_SEQUENCE)), (2, LAST_SEQUENCE, 1));
    }
}
