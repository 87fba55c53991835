use super::*;

fn batch(body: &Value) -> Request {
    post("/batch").body(Body::from(body.to_string())).unwrap()
}

fn to(gateway: &str, to: &str) -> Value {
    json!({ "to": to, "text": "hello", "gateway": gateway })
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_stored_as_a_whole_in_its_order() {
    let host = Host::new(1000, Vec::new()).await;
    let messages = (0..1000).map(|number| to("stuck", &format!("+49{number}"))).collect::<Vec<_>>();
    let (status, _, body) = host.call(batch(&json!({ "messages": messages }))).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let accepted = body["messages"].as_array().unwrap();
    assert_eq!(accepted.len(), 1000);
    for (number, message) in accepted.iter().enumerate() {
        assert_eq!((&message["to"], &message["state"]), (&json!(format!("+49{number}")), &json!("queued")));
    }
    let shown = format!("/v1/messages/{}", accepted[999]["id"].as_str().unwrap());
    let (status, ..) = host.call(request(Method::GET, &shown).body(Body::empty()).unwrap()).await;
    assert_eq!(status, StatusCode::OK);
    // No room is left for another.
    assert_eq!(host.post("", "stuck").await.0, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test(start_paused = true)]
async fn one_bad_message_refuses_the_whole_batch_and_every_field_is_named() {
    let host = Host::new(3, Vec::new()).await;
    let messages = json!([to("quick", "+49"), { "text": 5, "gateway": "quick" }, to("nowhere", "+49")]);
    let (status, _, body) = host.call(batch(&json!({ "messages": messages }))).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let pointers = body["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap());
    assert_eq!(pointers.collect::<Vec<_>>(), ["/messages/1/to", "/messages/1/text", "/messages/2/gateway"]);
    for (body, pointer) in [
        (json!([]), ""),
        (json!({}), "/messages"),
        (json!({ "messages": [] }), "/messages"),
        (json!({ "messages": {} }), "/messages"),
        (json!({ "messages": vec![to("quick", "+49"); 1001] }), "/messages"),
        (json!({ "messages": [to("quick", "+49")], "wait": 1 }), "/wait"),
        (json!({ "messages": [5] }), "/messages/0"),
    ] {
        let (status, _, body) = host.call(batch(&body)).await;
        assert_eq!(
            (status, &body["errors"][0]["pointer"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!(pointer))
        );
    }
    // More than may wait: none is taken.
    let four = json!({ "messages": vec![to("stuck", "+49"); 4] });
    assert_eq!(host.call(batch(&four)).await.0, StatusCode::SERVICE_UNAVAILABLE);
    let three = json!({ "messages": vec![to("stuck", "+49"); 3] });
    assert_eq!(host.call(batch(&three)).await.0, StatusCode::ACCEPTED);
}

#[tokio::test(start_paused = true)]
async fn one_key_covers_the_batch_and_a_replay_says_how_it_stands() {
    let host = Host::new(10, Vec::new()).await;
    let send = |messages: Value| {
        let request = post("/batch").header("idempotency-key", "order-1");
        host.call(request.body(Body::from(json!({ "messages": messages }).to_string())).unwrap())
    };
    let both = json!([to("quick", "+491"), to("strict", "+492")]);
    let (status, _, first) = send(both.clone()).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (status, _, again) = send(both).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let part = |body: &Value, name: &str| -> Vec<Value> {
        body["messages"].as_array().unwrap().iter().map(|message| message[name].clone()).collect()
    };
    assert_eq!(part(&first, "id"), part(&again, "id"));
    assert_eq!(part(&again, "state"), ["sent", "failed"]);
    assert_eq!(send(json!([to("quick", "+491")])).await.0, StatusCode::CONFLICT);
    let single = post("").header("idempotency-key", "order-1").body(message("quick")).unwrap();
    assert_eq!(host.call(single).await.0, StatusCode::CONFLICT);
}

#[tokio::test(start_paused = true)]
async fn a_batch_may_be_larger_than_a_message() {
    let host = Host::new(100, Vec::new()).await;
    let long = json!({ "to": "+49", "text": "x".repeat(900_000), "gateway": "quick" });
    let (status, ..) = host.call(batch(&json!({ "messages": vec![long.clone(); 9] }))).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let (status, ..) = host.call(batch(&json!({ "messages": vec![long; 10] }))).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test(start_paused = true)]
async fn an_answer_names_a_bounded_number_of_mistakes_and_no_endless_name() {
    let host = Host::new(10, Vec::new()).await;
    let mut wrong = serde_json::Map::new();
    for number in 0..5000 {
        wrong.insert(format!("unknown-{number}"), json!(1));
    }
    let (status, _, body) = host.call(batch(&json!({ "messages": vec![Value::Object(wrong); 20] }))).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!((100..=200).contains(&body["errors"].as_array().unwrap().len()));
    let long =
        json!({ "messages": [{ "to": "+49", "text": "x", "gateway": "quick", "y".repeat(500_000): 1 }] });
    let (status, _, body) = host.call(batch(&long)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(body.to_string().len() < 2000, "{body}");
}
