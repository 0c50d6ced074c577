"""Draws pictures with OpenAI's own client, from the server at an address, and fails if an answer is not what the client
promises to its users."""

import asyncio
import base64
import sys
import urllib.request

import openai

address, token = sys.argv[1], sys.argv[2]
client = openai.OpenAI(base_url=address + "v1", api_key=token, max_retries=0)


def side(b64):
    """Checks that a picture is a PNG file, and returns its width."""
    raw = base64.b64decode(b64)
    assert raw[:8] == b"\x89PNG\r\n\x1a\n", raw[:8]
    return int.from_bytes(raw[16:20], "big")


# models
names = [m.id for m in client.models.list()]
assert names == ["birds", "birds:dalle", "birds:maskgit", "pets"], names
assert client.models.retrieve("birds:maskgit").owned_by == "bestiary"

# without streaming
first = client.images.generate(model="birds", prompt="a small red bird", n=2, extra_body={"seed": 3})
assert first.created > 0 and len(first.data) == 2 and first.data[0].b64_json != first.data[1].b64_json
own = side(first.data[0].b64_json)
again = client.images.generate(model="birds", prompt="a small red bird", n=2, extra_body={"seed": 3})
assert [d.b64_json for d in again.data] == [d.b64_json for d in first.data], "pictures depend on more than the seed"
large = client.images.generate(model="birds:maskgit", prompt="a small red bird", size="256x256", response_format="b64_json")
assert side(large.data[0].b64_json) == 256
jpeg = client.images.generate(model="birds", prompt="a bird", output_format="jpeg", output_compression=60)
assert base64.b64decode(jpeg.data[0].b64_json)[:2] == b"\xff\xd8"
dog = client.images.generate(model="pets", prompt="dog", response_format="url")
request = urllib.request.Request(dog.data[0].url, headers={"Authorization": "Bearer " + token})
with urllib.request.urlopen(request) as answer:
    assert answer.read(8) == b"\x89PNG\r\n\x1a\n"

# with streaming
partial, completed = [], []
for event in client.images.generate(model="birds", prompt="a small red bird", stream=True, partial_images=3, extra_body={"seed": 3}):
    if event.type == "image_generation.partial_image":
        assert not completed and event.partial_image_index == len(partial), event
        partial.append(event)
    else:
        assert event.type == "image_generation.completed", event
        completed.append(event)
    assert side(event.b64_json) == own and event.size == f"{own}x{own}" and event.output_format == "png", event
assert len(completed) == 1 and 1 <= len(partial) <= 3, (len(partial), len(completed))
alone = client.images.generate(model="birds", prompt="a small red bird", extra_body={"seed": 3})
assert completed[0].b64_json == alone.data[0].b64_json, "streaming gives another picture"
assert completed[0].usage.total_tokens == 0


# errors
def fails(kind, param=None, **request):
    try:
        client.images.generate(**request)
    except kind as e:
        assert e.param == param and e.message, (e.param, e.body)
        return e
    raise AssertionError(f"{request} is accepted")


fails(openai.BadRequestError, "n", prompt="a bird", n=99)
fails(openai.BadRequestError, "size", prompt="a bird", size="1024x1536")
fails(openai.BadRequestError, "quality", prompt="a bird", quality="hd")
fails(openai.BadRequestError, "prompt", model="pets", prompt="unicorn")
fails(openai.BadRequestError, "prompt", model="pets", prompt="unicorn", stream=True)
assert fails(openai.NotFoundError, "model", model="dall-e-3", prompt="a bird").code == "model_not_found"
try:
    openai.OpenAI(base_url=address + "v1", api_key="wrong", max_retries=0).models.list()
    raise AssertionError("a wrong token is accepted")
except openai.AuthenticationError as e:
    assert "token" in e.message, e.message


# several at once
async def together():
    many = openai.AsyncOpenAI(base_url=address + "v1", api_key=token)
    asked = [many.images.generate(model="birds", prompt="a small red bird", n=2, extra_body={"seed": s}) for s in [3, 4, 3, 5, 3]]
    return await asyncio.gather(*asked)


answers = asyncio.run(together())
for i in (0, 2, 4):
    assert [d.b64_json for d in answers[i].data] == [d.b64_json for d in first.data], "clients get each other's pictures"
print("ok", openai.__version__)
