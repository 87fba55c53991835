//! What the codec and one connection can do, without host, boundary and provider.
//!
//! [`Session`] is what a program has that links the codec itself: its messages are handed to a session, which keeps the window full, writes what
//! there is room for at once, and tells each sender the id of his message. [`loop_rate`] hands over nothing and tells nobody: what codec and
//! kernel can do at the most. Neither has time limits, and neither cuts a text, paces, logs or answers the SMSC.

use bytes::{Buf as _, BytesMut};
use futures_util::{StreamExt as _, stream};
use rusmpp::{
    Command, CommandId, CommandStatus, Pdu,
    decode::DecodeWithLength as _,
    encode::{Encode as _, Length as _},
    pdus::{BindTransceiver, SubmitSm},
    types::{COctetString, OctetString},
    values::{EsmClass, InterfaceVersion, Npi, RegisteredDelivery, Ton},
};
use std::{
    collections::HashMap,
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::{mpsc, oneshot},
};

/// A message, and who waits for its id.
type Job = (Pdu, oneshot::Sender<String>);

/// A bound connection.
struct Link {
    stream: TcpStream,
    input: BytesMut,
    output: BytesMut,
    sequence: u32,
}

impl Link {
    async fn bound(sink: SocketAddr) -> Self {
        let stream = TcpStream::connect(sink).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (input, output) = (BytesMut::with_capacity(64 << 10), BytesMut::with_capacity(64 << 10));
        let mut link = Self { stream, input, output, sequence: 0 };
        link.put(bind());
        link.write().await;
        link.stream.read_buf(&mut link.input).await.unwrap();
        assert_eq!(link.next().unwrap().id(), CommandId::BindTransceiverResp);
        link
    }

    /// Collects a PDU; its sequence number.
    fn put(&mut self, pdu: Pdu) -> u32 {
        self.sequence += 1;
        let command = Command::new(CommandStatus::EsmeRok, self.sequence, pdu);
        let (start, length) = (self.output.len(), command.length() + 4);
        self.output.resize(start + length, 0);
        self.output[start..start + 4].copy_from_slice(&u32::try_from(length).unwrap().to_be_bytes());
        command.encode(&mut self.output[start + 4..]);
        self.sequence
    }

    async fn write(&mut self) {
        self.stream.write_all_buf(&mut self.output).await.unwrap();
    }

    fn next(&mut self) -> Option<Command> {
        let length = self.input.get(..4)?.get_u32() as usize;
        let mut frame = (self.input.len() >= length).then(|| self.input.split_to(length))?;
        frame.advance(4);
        let (command, _) = Command::decode(&mut frame, length - 4).unwrap();
        assert_eq!(command.status(), CommandStatus::EsmeRok);
        Some(command)
    }
}

/// Hands messages to a connection, of whose parts `window` are unanswered at the most.
pub(crate) struct Session(mpsc::UnboundedSender<Job>);

impl Session {
    pub(crate) async fn start(sink: SocketAddr, window: usize) -> Self {
        let link = Link::bound(sink).await;
        let (sender, queue) = mpsc::unbounded_channel();
        tokio::spawn(work(link, queue, window));
        Self(sender)
    }

    async fn submit(&self, number: u32) -> String {
        let (told, id) = oneshot::channel();
        self.0.send((submit_sm(number), told)).unwrap();
        id.await.unwrap()
    }

    /// Answered messages a second, over `time`, with so many at once.
    pub(crate) async fn rate(&self, in_flight: usize, time: Duration) -> f64 {
        let mut ids = stream::iter(0..).map(|number| self.submit(number)).buffer_unordered(in_flight);
        let (mut accepted, began) = (0_u64, Instant::now());
        while began.elapsed() < time {
            assert!(!ids.next().await.unwrap().is_empty());
            accepted += 1;
        }
        accepted as f64 / began.elapsed().as_secs_f64()
    }
}

async fn work(mut link: Link, mut queue: mpsc::UnboundedReceiver<Job>, window: usize) {
    let mut unanswered = HashMap::new();
    loop {
        while unanswered.len() < window
            && let Ok((pdu, told)) = queue.try_recv()
        {
            unanswered.insert(link.put(pdu), told);
        }
        link.write().await;
        tokio::select! {
            read = link.stream.read_buf(&mut link.input) => assert!(read.unwrap() > 0),
            job = queue.recv(), if unanswered.len() < window => {
                let Some((pdu, told)) = job else { return };
                unanswered.insert(link.put(pdu), told);
            }
        }
        while let Some(command) = link.next() {
            let told: oneshot::Sender<String> = unanswered.remove(&command.sequence_number()).unwrap();
            let Some(Pdu::SubmitSmResp(answer)) = command.pdu() else { panic!("{command:?}") };
            // The last ones are not waited for.
            drop(told.send(answer.message_id().as_str().to_owned()));
        }
    }
}

/// Answered parts a second, over `time`, with `window` unanswered ones.
pub(crate) async fn loop_rate(sink: SocketAddr, window: usize, time: Duration) -> f64 {
    let mut link = Link::bound(sink).await;
    let (mut answered, mut unanswered, began) = (0_u64, 0, Instant::now());
    while began.elapsed() < time {
        while unanswered < window {
            link.put(submit_sm(link.sequence));
            unanswered += 1;
        }
        link.write().await;
        link.stream.read_buf(&mut link.input).await.unwrap();
        while link.next().is_some() {
            unanswered -= 1;
            answered += 1;
        }
    }
    answered as f64 / began.elapsed().as_secs_f64()
}

fn text<const MIN: usize, const MAX: usize>(text: &str) -> COctetString<MIN, MAX> {
    COctetString::from_string(text.to_owned()).unwrap()
}

fn bind() -> Pdu {
    let (ton, npi) = (Ton::from(0), Npi::from(0));
    let version = InterfaceVersion::Smpp3_4;
    BindTransceiver::new(text("bench"), text(""), text(""), version, ton, npi, text("")).into()
}

fn submit_sm(number: u32) -> Pdu {
    let mut pdu = SubmitSm::default();
    (pdu.source_addr_ton, pdu.source_addr_npi) = (Ton::from(5), Npi::from(0));
    pdu.source_addr = text("ACME");
    (pdu.dest_addr_ton, pdu.dest_addr_npi) = (Ton::from(1), Npi::from(1));
    pdu.destination_addr = text("+491701234567");
    pdu.registered_delivery = RegisteredDelivery::from(1);
    pdu.esm_class = EsmClass::from(0);
    pdu.set_short_message(OctetString::from_vec(format!("Your code is {number:06}").into_bytes()).unwrap());
    pdu.into()
}
