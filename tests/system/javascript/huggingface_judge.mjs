// Calls of Hugging Face's client for JavaScript. Prints what came as JSON. Arguments: URL of a model, a PNG in base64.

import {InferenceClient} from "@huggingface/inference"

const [endpointUrl, png] = process.argv.slice(2)
const client = new InferenceClient("hf_any", {endpointUrl})
const prompt = "a red circle on a blue background"
const once = {retry_on_error: false}

async function file(blob) {
  return {type: blob.type, file: Buffer.from(await blob.arrayBuffer()).toString("base64")}
}

async function refusal() {
  try {
    await client.textToImage({inputs: prompt, parameters: {num_inference_steps: 0}}, once)
  } catch (error) {
    return {status: error.httpResponse.status, message: error.message}
  }
}

const image = new Blob([Buffer.from(png, "base64")], {type: "image/png"})
const parameters = {width: 64, height: 64, num_inference_steps: 10, seed: 3}
console.log(JSON.stringify({
  made: await file(await client.textToImage({inputs: prompt, parameters}, once)),
  changed: await file(await client.imageToImage({inputs: image, parameters: {prompt, strength: 0.5}}, once)),
  unprompted: await file(await client.imageToImage({inputs: image}, once)),
  refused: await refusal(),
}))
