use super::*;
use axum::{body::Bytes, routing::get};
use futures_util::stream;
use std::convert::Infallible;
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

const ASK: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

async fn connect(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

/// Asks on a connection that is kept, and reads the answer.
async fn ask(stream: &mut TcpStream) -> bool {
    stream.write_all(ASK).await.unwrap();
    let mut answer = Vec::new();
    let mut piece = [0; 1024];
    while !answer.ends_with(b"}") {
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return false,
            Ok(length) => answer.extend_from_slice(&piece[..length]),
        }
    }
    answer.starts_with(b"HTTP/1.1 200")
}

/// How long it takes until the host closes the connection.
async fn closes_after(stream: &mut TcpStream) -> u64 {
    let began = Instant::now();
    let mut rest = Vec::new();
    drop(timeout(Duration::from_secs(600), stream.read_to_end(&mut rest)).await.unwrap());
    began.elapsed().as_secs()
}

/// As long as nginx keeps its connections, and a little longer, so that it is nginx who ends them.
#[tokio::test(start_paused = true)]
async fn a_connection_is_kept_between_requests_as_long_as_proxies_keep_theirs() {
    let host = Host::new(10, Vec::new()).await;
    let (address, ..) = serving(&host, 10).await;
    let mut stream = connect(address, b"").await;
    for _ in 0..3 {
        assert!(ask(&mut stream).await);
        sleep(Duration::from_secs(61)).await;
    }
    assert!(ask(&mut stream).await);
    assert_eq!(closes_after(&mut stream).await, 75);
    // A head that has begun is waited for no longer than any other.
    let mut stream = connect(address, b"").await;
    assert!(ask(&mut stream).await);
    sleep(Duration::from_secs(5)).await;
    stream.write_all(b"GET /healthz HT").await.unwrap();
    assert_eq!(closes_after(&mut stream).await, 15);
}

#[tokio::test(start_paused = true)]
async fn where_all_places_are_taken_the_one_that_is_idle_longest_goes() {
    let host = Host::new(10, Vec::new()).await;
    let (address, ..) = serving(&host, 3).await;
    let body = json!({ "to": "+491701234567", "text": "hello", "gateway": "stuck" }).to_string();
    let head = format!(
        "POST /v1/messages?wait=50 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut busy = connect(address, (head + &body).as_bytes()).await;
    let mut first = connect(address, b"").await;
    assert!(ask(&mut first).await);
    sleep(Duration::from_secs(1)).await;
    let mut second = connect(address, b"").await;
    assert!(ask(&mut second).await);
    sleep(Duration::from_secs(1)).await;
    // It has asked last.
    assert!(ask(&mut first).await);
    let mut newcomer = connect(address, b"").await;
    assert!(ask(&mut newcomer).await);
    assert_eq!(closes_after(&mut second).await, 0);
    assert!(ask(&mut first).await && ask(&mut newcomer).await);
    let mut answer = String::new();
    busy.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 202"), "whoever waits for an outcome keeps its place: {answer}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_nobody_takes_is_given_up() {
    let piece = Bytes::from(vec![b'x'; 64 << 10]);
    let (last, taken_last) = watch::channel(Instant::now());
    let endless = move || {
        let (piece, last) = (piece.clone(), last.clone());
        let pieces = stream::repeat_with(move || {
            last.send_replace(Instant::now());
            Ok::<_, Infallible>(piece.clone())
        });
        async move { Body::from_stream(pieces) }
    };
    let slow = || async {
        Body::from_stream(stream::unfold((), |()| async {
            sleep(Duration::from_secs(25)).await;
            Some((Ok::<_, Infallible>("x"), ()))
        }))
    };
    let mut host = Host::new(10, Vec::new()).await;
    host.router = Router::new().route("/endless", get(endless)).route("/slow", get(slow));
    let figure = open();
    let (address, ..) = counted(&host, 10, figure.clone()).await;
    let mut untaken = connect(address, b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    let mut taken = connect(address, b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    while figure.get() < 2 {
        sleep(Duration::from_millis(1)).await;
    }
    // The system takes some of it by and by, when it likes: half a minute after the last of that it is over.
    while figure.get() == 2 {
        sleep(Duration::from_secs(1)).await;
        let waited = taken_last.borrow().elapsed().as_secs();
        assert!(waited <= 31, "it goes on");
    }
    let waited = taken_last.borrow().elapsed().as_secs();
    assert!(waited >= 30, "it was given up after {waited} s");
    // What the system had taken already is there.
    let mut rest = Vec::new();
    let ended = timeout(Duration::from_secs(1), untaken.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "it goes on after {} bytes", rest.len());
    // One that has nothing to say for a while is another thing.
    let mut pieces = Vec::new();
    let ended = timeout(Duration::from_secs(200), taken.read_to_end(&mut pieces)).await;
    assert!(ended.is_err(), "it was ended: {pieces:?}");
    assert!(pieces.iter().filter(|byte| **byte == b'x').count() >= 8, "{pieces:?}");
}
