//! What TaskManagers and JobManagers tell of themselves.

use serde_json::json;

use super::support::*;

#[tokio::test]
async fn what_subtasks_have_of_the_network_is_told_of_their_task_manager() {
    let service = service();
    let place = format!("/taskmanagers/{TASK_MANAGER}");
    let detail = get(&service, &place).await;
    let metrics = &detail["metrics"];
    let of = |name: &str| metrics[format!("nettyShuffleMemory{name}")].as_u64().unwrap();
    // Four subtasks of one job run there.
    assert_eq!((of("SegmentsTotal"), of("SegmentsUsed"), of("SegmentsAvailable")), (32, 10, 22));
    assert_eq!((of("Total"), of("Used"), of("Available")), (32 << 16, 10 << 16, 22 << 16));

    let name = "Status.Shuffle.Netty.UsedMemory";
    let used = get(&service, &format!("{place}/metrics?get={name},Status.Network.TotalMemorySegments")).await;
    let expected = json!([
        {"id": name, "value": (10 << 16).to_string()},
        {"id": "Status.Network.TotalMemorySegments", "value": "32"},
    ]);
    assert_eq!(used, expected);
}

#[tokio::test]
async fn a_job_manager_tells_how_much_memory_it_may_use() {
    let max = get(&service(), "/jobmanager/metrics?get=Status.JVM.Memory.Heap.Max").await;
    assert!(max[0]["value"].as_str().unwrap().parse::<u64>().unwrap() > 1 << 20, "{max}");
}
