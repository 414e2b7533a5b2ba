import os
from chalice import Chalice
app = Chalice(app_name="cloakroom")
app.experimental_feature_flags.update(["WEBSOCKETS"])
STREAM = os.environ.get("STREAM_ARN", "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/x")
QUEUE = os.environ.get("QUEUE_ARN", "arn:aws:sqs:us-east-1:000000000000:q")
@app.authorizer(ttl_seconds=300)
def authorize(r):
    return {"principalId": "a", "policyDocument": {"Version": "2012-10-17", "Statement": []}}
@app.route("/tokens", methods=["POST"], authorizer=authorize)
def hand_in():
    return {}
@app.route("/tokens/{token_id}/secret", methods=["GET"], authorizer=authorize)
def collect(token_id):
    return {}
@app.route("/health", methods=["GET"])
def health():
    return {"status": "ok"}
@app.on_dynamodb_record(stream_arn=STREAM, batch_size=100, starting_position="TRIM_HORIZON")
def advance(event):
    return None
@app.on_dynamodb_record(stream_arn=STREAM, batch_size=100, starting_position="TRIM_HORIZON")
def notify(event):
    return None
@app.on_sqs_message(queue_arn=QUEUE, batch_size=10, maximum_concurrency=3)
def work(event):
    return None
@app.on_ws_connect(name="websocket_connect")
def connect(e): ...
@app.on_ws_message(name="websocket_message")
def message(e): ...
@app.on_ws_disconnect(name="websocket_disconnect")
def disconnect(e): ...
