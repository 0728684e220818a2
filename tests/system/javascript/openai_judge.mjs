// Calls of OpenAI's client for Node. Prints what came as JSON. Arguments: URL of the service, a PNG in base64.

import OpenAI, {toFile} from "openai"

const [url, png] = process.argv.slice(2)
const client = new OpenAI({baseURL: `${url}/v1`, apiKey: "any", maxRetries: 0})
const prompt = "a red circle on a blue background"

async function refusal(fields) {
  try {
    await client.images.generate(fields)
  } catch (error) {
    return {type: error.constructor.name, status: error.status, code: error.code, param: error.param, message: error.message}
  }
}

const made = await client.images.generate({prompt, output_format: "webp", size: "auto", seed: 7})
const events = []
for await (const event of await client.images.generate({prompt, seed: 7, stream: true, partial_images: 1})) events.push(event)
const image = await toFile(Buffer.from(png, "base64"), "blue.png", {type: "image/png"})
const edited = await client.images.edit({model: "gpt-image-2", image: [image], prompt, seed: 3})
const models = []
for await (const model of client.models.list()) models.push(model.id)

console.log(JSON.stringify({
  made: made.data[0].b64_json,
  completed: {type: events.at(-1).type, image: events.at(-1).b64_json},
  partial: events.slice(0, -1).map(event => event.type),
  edited: edited.data[0].b64_json,
  models,
  unknown_model: await refusal({prompt, model: "nope"}),
  too_many: await refusal({prompt, n: 99}),
}))
