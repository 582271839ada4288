//! The server on a real socket: limits, keep-alive and shutdown.
#![allow(clippy::disallowed_methods, reason = "the test's runtime ends what it spawns")]

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::support::*;
use crate::rest::{routes::RestService, server};

pub(super) struct Server {
    pub(super) address: SocketAddr,
    shutdown: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
}

pub(super) async fn start() -> Server {
    start_with(service()).await
}

/// A server that answers by `service`.
pub(super) async fn start_with(service: RestService) -> Server {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(server::serve(listener, service, shutdown.clone()));
    Server { address, shutdown, task }
}

/// Sends raw bytes and reads until the server closes.
pub(super) async fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn flinks_cli_is_understood() {
    let server = start().await;
    let request = b"GET /v1/jobs/overview HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
        content-type: application/json; charset=UTF-8\r\ncontent-length: 2\r\n\r\n{}";
    let answer = exchange(server.address, request).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("content-length: ") && answer.contains("\r\ndate: "), "{answer}");
}

#[tokio::test]
async fn malformed_and_oversize_heads_are_refused() {
    let server = start().await;
    let answer = exchange(server.address, b"nonsense\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    let large = format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "y".repeat(40 * 1024));
    let answer = exchange(server.address, large.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let many = format!("GET / HTTP/1.1\r\nhost: localhost\r\n{}\r\n", "a: b\r\n".repeat(500));
    assert!(exchange(server.address, many.as_bytes()).await.starts_with("HTTP/1.1 431"));
}

#[tokio::test]
async fn a_connection_serves_many_requests() {
    let server = start().await;
    let one = "GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let last = "GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let answer = exchange(server.address, format!("{one}{one}{last}").as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 3);
}

#[tokio::test]
async fn idle_connections_keep_nobody_out() {
    let server = start().await;
    let mut idle = Vec::new();
    for _ in 0..600 {
        idle.push(TcpStream::connect(server.address).await.unwrap());
    }
    let request = b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    assert!(exchange(server.address, request).await.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn shutdown_closes_idle_connections_and_ends() {
    let server = start().await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    exchange(server.address, b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await;
    server.shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(20), server.task).await.unwrap().unwrap().unwrap();
    assert_eq!(idle.read(&mut [0; 1]).await.unwrap(), 0);
    assert!(TcpStream::connect(server.address).await.is_err(), "the port is free again");
}
