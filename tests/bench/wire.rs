//! Counts what goes over the sockets between clients and the server: a relay that adds up the
//! bytes of both directions, HTTP's own included, TCP's not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// What went over a relay so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes from the clients to the server.
    pub up: u64,
    /// Bytes from the server to the clients.
    pub down: u64,
    /// How often the traffic of all connections together turned from up to down: no fewer than
    /// the round trips that waited for one another.
    pub turns: u64,
}

impl std::ops::Sub for Traffic {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            up: self.up - before.up,
            down: self.down - before.down,
            turns: self.turns - before.turns,
        }
    }
}

#[derive(Default)]
struct Counters {
    up: AtomicU64,
    down: AtomicU64,
    turns: AtomicU64,
    is_up: AtomicBool,
}

/// A relay on a port of its own.
pub struct Relay {
    /// Where it listens.
    pub url: String,
    counters: Arc<Counters>,
}

impl Relay {
    /// Relays to the server at `url`, until the runtime ends.
    pub async fn to(url: &str) -> Self {
        let server = url.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let counters = Arc::new(Counters::default());
        let counting = Arc::clone(&counters);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(relay(client, server.clone(), Arc::clone(&counting)));
            }
        });
        Self { url: format!("http://{address}"), counters }
    }

    /// What went over it so far.
    pub fn traffic(&self) -> Traffic {
        let read = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        let Counters { up, down, turns, .. } = &*self.counters;
        Traffic { up: read(up), down: read(down), turns: read(turns) }
    }
}

async fn relay(client: TcpStream, server: String, counters: Arc<Counters>) {
    // Either side may be gone by now; the other one is told so by the end of its own connection.
    let Ok(server) = TcpStream::connect(server).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let other = Arc::clone(&counters);
    tokio::join!(
        pass(from_client, to_server, |bytes| {
            counters.up.fetch_add(bytes, Ordering::SeqCst);
            counters.is_up.store(true, Ordering::SeqCst);
        }),
        pass(from_server, to_client, |bytes| {
            other.down.fetch_add(bytes, Ordering::SeqCst);
            if other.is_up.swap(false, Ordering::SeqCst) {
                other.turns.fetch_add(1, Ordering::SeqCst);
            }
        }),
    );
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, count: impl Fn(u64)) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        count(length as u64);
        if to.write_all(&buffer[..length]).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn both_directions_and_the_turns_are_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move {
            let (mut client, _) = listener.accept().await.expect("a client");
            let mut asked = [0; 3];
            for _ in 0..2 {
                client.read_exact(&mut asked).await.expect("asks");
                client.write_all(b"hello").await.expect("answers");
            }
        });
        let relay = Relay::to(&url).await;
        let address = relay.url.trim_start_matches("http://").to_owned();
        let mut client = TcpStream::connect(address).await.expect("connects");
        let mut answer = [0; 5];
        for _ in 0..2 {
            client.write_all(b"abc").await.expect("asks");
            client.read_exact(&mut answer).await.expect("is answered");
        }
        assert_eq!(relay.traffic(), Traffic { up: 6, down: 10, turns: 2 });
    }
}
