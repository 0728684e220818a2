"""Router of the door, to which the modules with routes add theirs."""

from fastapi import APIRouter

PREFIX = "/sdapi/v1"

router = APIRouter(tags=["a1111"])
