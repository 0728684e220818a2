// Calls of Vercel's AI SDK. Prints what came as JSON. Arguments: URL of the service, a PNG in base64.

import {createOpenAICompatible} from "@ai-sdk/openai-compatible"
import {generateImage} from "ai"

const [url, png] = process.argv.slice(2)
const renderq = createOpenAICompatible({name: "renderq", baseURL: `${url}/v1`, apiKey: "any"})
const text = "a red circle on a blue background"

async function images(fields, model = "shapes") {
  const providerOptions = {renderq: {seed: 3}}
  const made = await generateImage({model: renderq.imageModel(model), maxRetries: 0, providerOptions, ...fields})
  return made.images.map(image => ({type: image.mediaType, file: image.base64}))
}

async function refusal() {
  try {
    await images({prompt: text}, "nope")
  } catch (error) {
    return {type: error.name, status: error.statusCode, message: error.message}
  }
}

console.log(JSON.stringify({
  made: await images({prompt: text, n: 2, size: "64x64"}),
  edited: await images({prompt: {text, images: [Buffer.from(png, "base64")]}}),
  unknown_model: await refusal(),
}))
