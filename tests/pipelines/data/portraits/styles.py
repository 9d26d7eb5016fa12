"""Which drawings the sets of portraits are made of: the styles' names for parts and options beside ours."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Layer:
    """As `pipelines.data.portraits.parts.Layer`, with the options of the style that draw each part and nothing else."""
    shows: str
    colour: str
    parts: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Style:
    name: str                                # of the set
    sides: tuple[int, ...]
    always: Mapping[str, Any]                # options of every drawing: how it is cut, and no part but those asked for
    layers: tuple[Layer, ...]
    colours: Mapping[str, Mapping[str, str]]
    options: Mapping[str, str]               # attribute that is a colour -> the style's option

    def coloured(self, attribute: str, colour: str) -> dict[str, Any]:
        """The option that gives a colour, as hex digits, to all that an attribute colours."""
        return {self.options[attribute]: [colour]} if attribute else {}


def _variants(group: str, names: Mapping[str, str], chance: bool = False) -> dict[str, dict[str, Any]]:
    """Our value -> options, of parts that are variants of one group; chance: the style shows the group with a probability."""
    return {value: {group: [variant], **({f"{group}Probability": 100} if chance else {})} for value, variant in names.items()}


_GROUPS = ("rearHair", "body", "head", "clothes", "mouth", "beard", "eyes", "eyebrows", "hair")
FACES = Style(
    "faces", (32, 64),
    {"scale": 130, "translateY": -6, **{group: [] for group in _GROUPS}, "rearHairProbability": 0, "beardProbability": 0},
    (Layer("length", "hair colour", _variants("rearHair", {
        "straight": "longStraight", "wavy": "longWavy", "curly": "shoulderHigh", "bobbed": "neckHigh"}, True)),
     Layer("", "skin", {"": {"body": ["body"], "head": ["head"]}}),
     Layer("clothes", "clothes colour", _variants("clothes", {
         "turtleneck": "turtleNeck", "jacket": "openJacket", "dress": "dress", "sweater": "shirt", "t shirt": "tShirt"})),
     Layer("mouth", "", _variants("mouth", {
         "laughing": "laugh", "teeth": "angry", "open": "agape", "smiling": "smile", "frowning": "sad"})),
     Layer("beard", "hair colour", _variants("beard", {
         "moustache": "moustacheTwirl", "short": "fullBeard", "goatee": "chin", "moustache and goatee": "chinMoustache",
         "long": "longBeard"}, True)),
     Layer("eyes", "", _variants("eyes", {
         "bright": "happy", "wide": "wide", "squinting": "bow", "sleepy": "humble", "winking": "wink"})),
     Layer("eyebrows", "hair colour", _variants("eyebrows", {
         "one up": "raised", "down": "angry", "up": "happy", "worried": "sad", "even": "neutral"})),
     Layer("hair", "hair colour", _variants("hair", {
         "combed": "sideComed", "cropped": "undercut", "spiky": "spiky", "tied": "bun"}))),
    {"background": {"white": "fafafa", "pink": "ffa5c8", "red": "e6505f", "orange": "fa8c32", "yellow": "ffe86e", "green": "8cd282",
                    "blue": "78b9f5", "purple": "b48ce6"},
     "skin": {"pale": "f8d8c0", "tan": "dcae82", "brown": "b07a54", "dark": "7a4e38"},
     "hair colour": {"black": "26201f", "brown": "5c3010", "blond": "e1be50", "red": "c44618", "grey": "969ba2", "green": "289646",
                     "blue": "2d55cd"},
     "clothes colour": {"white": "e1e4e6", "black": "232328", "red": "c8232d", "orange": "e86914", "yellow": "f0c328", "green": "198241",
                        "blue": "234bc8", "purple": "7832aa"}},
    {"skin": "skinColor", "hair colour": "hairColor", "clothes colour": "clothesColor"})
STYLES = {style.name: style for style in (FACES,)}
