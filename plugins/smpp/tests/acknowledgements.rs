//! What the host has not stored is not acknowledged: the SMSC is to repeat it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends by panicking")]

use gatepost_provider_api::{
    Context, Definition, Message, Provider, Verdict,
    serde_json::json,
    tokio::{
        self,
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
        time::sleep,
    },
};
use gatepost_provider_smpp::Smpp;
use std::time::{Duration, SystemTime};

const BIND_TRANSCEIVER: u32 = 0x09;
const DELIVER_SM: u32 = 0x05;
const SUBMIT_SM: u32 = 0x04;
const RESPONSE: u32 = 0x8000_0000;

/// A gateway without a host, so that every event is refused.
fn gateway(port: u16, more: &[(&str, &str)]) -> Smpp {
    let mut definition = Definition { gateway: "gw".into(), ..Definition::default() };
    definition.parameters.insert("SMSC_HOST".into(), json!("127.0.0.1"));
    definition.parameters.insert("SMSC_PORT".into(), json!(port));
    definition.parameters.extend(more.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
    let definition = Smpp::declaration().check(&definition).unwrap();
    Smpp::create(definition, Context::for_tests("gw").unwrap()).unwrap()
}

/// Id, status, sequence number and body.
async fn read(stream: &mut TcpStream) -> (u32, u32, u32, Vec<u8>) {
    let length = stream.read_u32().await.unwrap();
    let (id, status) = (stream.read_u32().await.unwrap(), stream.read_u32().await.unwrap());
    let sequence = stream.read_u32().await.unwrap();
    let mut body = vec![0; usize::try_from(length).unwrap() - 16];
    stream.read_exact(&mut body).await.unwrap();
    (id, status, sequence, body)
}

async fn write(stream: &mut TcpStream, id: u32, sequence: u32, body: &[u8]) {
    let length = u32::try_from(body.len() + 16).unwrap();
    let header = [length, id, 0, sequence].map(u32::to_be_bytes).concat();
    stream.write_all(&[&header, body].concat()).await.unwrap();
}

/// Takes the gateway's bind.
async fn bound(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = listener.accept().await.unwrap();
    let (id, _, sequence, _) = read(&mut stream).await;
    assert_eq!(id, BIND_TRANSCEIVER);
    write(&mut stream, BIND_TRANSCEIVER | RESPONSE, sequence, b"smsc\0").await;
    stream
}

/// Accepts two messages; the last byte of the text of each. The connection comes back, so that its end ends nothing that still waits.
async fn two_texts(mut stream: TcpStream) -> (Vec<u8>, TcpStream) {
    let mut texts = Vec::new();
    while texts.len() < 2 {
        let (id, _, sequence, body) = read(&mut stream).await;
        assert_eq!(id, SUBMIT_SM);
        texts.push(*body.last().unwrap());
        write(&mut stream, SUBMIT_SM | RESPONSE, sequence, b"1\0").await;
    }
    (texts, stream)
}

#[tokio::test]
async fn what_the_host_has_not_stored_is_asked_for_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = gateway(listener.local_addr().unwrap().port(), &[]);
    gateway.start().await.unwrap();
    let mut stream = bound(&listener).await;
    let receipt =
        [&b"\0\x01\x0149170\0\x01\x014711\0\x04\0\0\0\0\0\0\0\0\x11"[..], b"id:1 stat:DELIVRD"].concat();
    let text = [&b"\0\x01\x0149170\0\x01\x014711\0\0\0\0\0\0\0\0\0\0\x05"[..], b"hello"].concat();
    for (sequence, body) in [(7, receipt), (8, text)] {
        write(&mut stream, DELIVER_SM, sequence, &body).await;
        let (id, status, answered, _) = read(&mut stream).await;
        // ESME_RX_T_APPN: a temporary error.
        assert_eq!((id, status, answered), (DELIVER_SM | RESPONSE, 0x64, sequence));
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_gets_no_turn_in_time_is_throttled_and_was_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let more = [("RESPONSE_TIMEOUT", "1"), ("TPS", "1")];
    let gateway = gateway(listener.local_addr().unwrap().port(), &more);
    gateway.start().await.unwrap();
    let answering = tokio::spawn(two_texts(bound(&listener).await));
    let send = |text: &'static str| gateway.submit(Message::new("m", "+49170", text));
    assert!(send("1").await.is_ok());
    // Of the turns after it one comes in half a second, and one when these have waited for a second and a half.
    sleep(Duration::from_millis(500)).await;
    let (second, third, fourth) = tokio::join!(send("2"), send("3"), send("4"));
    assert!(second.is_ok(), "{second:?}");
    for late in [third, fourth] {
        assert_eq!(late.unwrap_err().verdict, Verdict::Throttled);
    }
    assert_eq!(answering.await.unwrap().0, b"12");
}

#[tokio::test]
async fn a_message_whose_time_passes_while_it_waits_is_not_written() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = gateway(listener.local_addr().unwrap().port(), &[("TPS", "1")]);
    gateway.start().await.unwrap();
    let answering = tokio::spawn(two_texts(bound(&listener).await));
    let send = |text: &'static str, valid: Duration| {
        let mut message = Message::new("m", "+49170", text);
        message.expires_at = SystemTime::now() + valid;
        gateway.submit(message)
    };
    let minute = Duration::from_secs(60);
    assert!(send("1", minute).await.is_ok());
    // The turn of the second comes in a second.
    let (second, third) = tokio::join!(send("2", Duration::from_millis(50)), send("3", minute));
    assert_eq!(second.unwrap_err().verdict, Verdict::Throttled);
    assert!(third.is_ok(), "{third:?}");
    assert_eq!(answering.await.unwrap().0, b"13");
}
