"""Models: residency, loading, memory and dtype.

store               residency, least recently used first out, within a budget
loading             diffusers pipelines from folders and single files, without running their code
dry_load            folders, without their weights
single_file         files in the original key layout: conversion, and the check of a file by its header
assembly            pipelines from loaded components
component_files     configurations and vocabularies, before a library reads them
config_types        types of a configuration's values
limited_parameters  bound of what is built from a configuration
rehearsal           first calls of a scheduler, a tokenizer, and a pipeline without weights
weightless          computation without the values of weights
weight_values       weights that are NaN, infinity or zeros
lora_check          LoRAs loaded without weights of their model
textual_inversions  words that a model learned
file_states         files that change while they are read
placement           memory modes, and the weights on the device
offload             loading in the memory mode of the placement
memory_estimate     memory of a model, computed from its configuration
parameter_count     number of weights and tensors, from file headers
weight_files        files of a folder to load, and missing ones
quantization        libraries that quantized weights need
clip                tokenizer for single files, which lack one
dtypes              choice and names of dtypes

Modules that import diffusers, such as `loading`, are not exported here.
"""

from renderq_worker.models.dtypes import dtype_name, resolve_dtype
from renderq_worker.models.errors import LoraLoadFailed, ModelError, ModelLoadFailed, ModelUnknown
from renderq_worker.models.parameter_count import parameter_counts
from renderq_worker.models.placement import MemoryMode, Placement
from renderq_worker.models.store import ModelStore

__all__ = [
    "LoraLoadFailed",
    "MemoryMode",
    "ModelError",
    "ModelLoadFailed",
    "ModelStore",
    "ModelUnknown",
    "Placement",
    "dtype_name",
    "parameter_counts",
    "resolve_dtype",
]
