"""A call of LangChain's wrapper of image generation. Run by the Python of the judges; prints the image's URL as JSON.

Argument: URL of the service.
"""

import json
import sys
import warnings

with warnings.catch_warnings(action="ignore"):  # the package is no longer maintained
    from langchain_community.utilities.dalle_image_generator import DallEAPIWrapper

wrapper = DallEAPIWrapper(model="dall-e-3", api_key="any", base_url=f"{sys.argv[1]}/v1", max_retries=0)
print(json.dumps(wrapper.run("a red circle on a blue background")))
