use super::*;

/// The receipt `status` for the part `id`, as the fake provider reads it.
fn receipt(key: &str, gateway: &str, id: &str, status: &str) -> Request {
    let request = request(Method::POST, &format!("/v1/receipts/{gateway}?{status}"));
    request.header("authorization", format!("Bearer {key}")).body(Body::from(id.to_owned())).unwrap()
}

fn keys() -> Vec<ApiKey> {
    let reach = Reach { routes: Vec::new(), gateways: vec!["quick".into()] };
    vec![
        key("app", &[Scope::Send, Scope::Read]),
        key("service", &[Scope::Receipt]),
        ApiKey { reach, ..key("of-quick", &[Scope::Receipt]) },
        key("root", &[Scope::Admin]),
    ]
}

async fn read(host: &Host, uri: &str) -> Value {
    let request = request(Method::GET, uri).header("authorization", "Bearer app");
    let (status, _, body) = host.call(request.body(Body::empty()).unwrap()).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    body
}

#[tokio::test(start_paused = true)]
async fn a_receipt_moves_its_message_on() {
    let host = Host::new(10, keys()).await;
    let send = post("?wait=10").header("authorization", "Bearer app").body(message("quick")).unwrap();
    let (_, _, sent) = host.call(send).await;
    assert_eq!((&sent["state"], &sent["provider_ids"]), (&json!("sent"), &json!(["id-1"])));
    let (status, _, body) = host.call(receipt("of-quick", "quick", "id-1", "delivered")).await;
    assert_eq!((status, body), (StatusCode::OK, json!({ "receipts": 1 })));
    let message = read(&host, &format!("/v1/messages/{}", sent["id"].as_str().unwrap())).await;
    assert_eq!(message["state"], "delivered");
    assert_eq!(message["receipts"][0]["provider_id"], "id-1");
    assert_eq!(message["receipts"][0]["status"], "delivered");
    assert_eq!(read(&host, "/v1/receipts").await, json!({ "receipts": [], "next_cursor": null }));
}

#[tokio::test(start_paused = true)]
async fn only_whom_the_keys_permit_may_post_receipts() {
    let host = Host::new(10, keys()).await;
    for (key, gateway, expected) in [
        ("app", "quick", 403),
        ("nobody", "quick", 401),
        ("of-quick", "stuck", 403),
        ("of-quick", "nowhere", 403),
        ("service", "stuck", 200),
        ("service", "nowhere", 404),
        ("root", "quick", 200),
    ] {
        let (status, ..) = host.call(receipt(key, gateway, "id-9", "delivered")).await;
        assert_eq!(status.as_u16(), expected, "{key} {gateway}");
    }
    // Without keys sending and reading are permitted, nothing else.
    let open = Host::new(10, Vec::new()).await;
    let (status, _, body) = open.call(receipt("any", "quick", "id-1", "delivered")).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{body}");
}

#[tokio::test(start_paused = true)]
async fn what_holds_no_receipt_is_refused() {
    let host = Host::new(10, keys()).await;
    let (status, _, body) = host.call(receipt("service", "quick", "id-1", "nonsense")).await;
    assert_eq!((status, &body["detail"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("no receipt")));
    let large = receipt("service", "quick", &"x".repeat((1 << 20) + 1), "delivered");
    assert_eq!(host.call(large).await.0, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test(start_paused = true)]
async fn receipts_of_nobody_are_listed_page_by_page() {
    let host = Host::new(10, keys()).await;
    for number in 0..150 {
        let gateway = ["quick", "stuck"][number % 2];
        let (status, ..) = host.call(receipt("service", gateway, &number.to_string(), "undelivered")).await;
        assert_eq!(status, StatusCode::OK);
    }
    let ids = |page: &Value| {
        let receipts = page["receipts"].as_array().unwrap().iter();
        receipts
            .map(|receipt| receipt["provider_id"].as_str().unwrap().parse().unwrap())
            .collect::<Vec<u32>>()
    };
    let first = read(&host, "/v1/receipts").await;
    assert_eq!(ids(&first), (50..150).rev().collect::<Vec<_>>());
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = read(&host, &format!("/v1/receipts?cursor={cursor}")).await;
    assert_eq!((ids(&second), &second["next_cursor"]), ((0..50).rev().collect(), &Value::Null));
    let of_one = read(&host, "/v1/receipts?gateway=stuck").await;
    assert_eq!(ids(&of_one), (0..150).rev().filter(|number| number % 2 == 1).collect::<Vec<_>>());
    assert_eq!(of_one["receipts"][0]["gateway"], "stuck");
    for (uri, key, expected) in [
        ("/v1/receipts?cursor=x", "app", 422),
        ("/v1/receipts?gateway=a&gateway=b", "app", 422),
        ("/v1/receipts?limit=5", "app", 422),
        ("/v1/receipts", "service", 403),
    ] {
        let request = request(Method::GET, uri).header("authorization", format!("Bearer {key}"));
        let (status, ..) = host.call(request.body(Body::empty()).unwrap()).await;
        assert_eq!(status.as_u16(), expected, "{uri}");
    }
}
