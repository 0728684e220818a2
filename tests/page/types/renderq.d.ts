/** Types of the HTTP API: one for each schema of its OpenAPI document, and those that have no name there. */
import type { Grid, operations, Output } from "../generated/api";

export type * from "../generated/api";

/** Body of `POST /v1/jobs`. */
export type JobRequest = operations["submit_job"]["requestBody"]["content"]["application/json"];

/** An image of a job, or its grid. */
export type ImageFile = Output | Grid;
