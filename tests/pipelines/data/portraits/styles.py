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
    bare: bool = False                       # the style's body, which is in every drawing, is left out


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


def _numbered(groups: Mapping[str, str]) -> dict[str, str]:
    """Our value -> the style's variant, "cap 1": "variant02", of variants that go by one word: {"cap": "variant02 variant07"}."""
    return {f"{word} {k}": variant for word, variants in groups.items() for k, variant in enumerate(variants.split(), 1)}


_PIXEL_GROUPS = ("accessories", "beard", "clothing", "eyes", "glasses", "hair", "hat", "mouth")
PIXELS = Style(
    "pixels", (16, 32),
    {**{group: [] for group in _PIXEL_GROUPS}, **{f"{group}Probability": 0 for group in ("accessories", "beard", "glasses", "hair", "hat")},
     "accessoriesColor": ["ffd700"]},
    (Layer("", "skin", {"": {}}),
     Layer("earrings", "", _variants("accessories", _numbered({"earrings": "variant01 variant02 variant03"}), True), True),
     Layer("clothes", "clothes colour", _variants("clothing", _numbered({
         "plain": "variant01 variant03 variant04 variant05 variant08 variant11 variant14 variant23", "checked": "variant06",
         "striped": "variant13", "top": "variant09 variant10 variant19 variant20"})), True),
     Layer("eyes", "eye colour", _variants("eyes", {str(k): f"variant{k:02}" for k in range(1, 13)}), True),
     Layer("glasses", "glasses colour", _variants("glasses", _numbered({
         "clear": "light01 light02 light03 light05 light06 light07", "dark": "dark01 dark02 dark03 dark05 dark06 dark07"}), True), True),
     Layer("beard", "hair colour", _variants("beard", _numbered({
         "full": "variant01 variant05 variant06 variant07 variant08", "long": "variant03", "goatee": "variant02"}), True), True),
     Layer("mouth", "mouth colour", _variants("mouth", _numbered({
         "smiling": "happy07 happy08 happy09 happy10 happy11", "grinning": "happy12", "surprised": "happy01",
         "serious": "sad04 sad06", "frowning": "sad01"})), True),
     Layer("hair", "hair colour", _variants("hair", _numbered({
         "short": "short01 short02 short06 short08 short09 short10 short14 short15 short16 short17 short22",
         "long": "long01 long03 long07 long08 long09 long12 long13", "bobbed": "long04 long20 long21", "braided": "long02 long18",
         "frizzy": "short11 short13 long15", "mohawk": "short21", "balding": "short07 short18"}), True), True),
     Layer("hat", "hat colour", _variants("hat", _numbered({
         "hat": "variant06", "cap": "variant02 variant07",
         "beanie": "variant01 variant03 variant04 variant05 variant08 variant09 variant10"}), True), True)),
    {**FACES.colours, "hat colour": FACES.colours["clothes colour"], "eye colour": {"brown": "6e4628", "blue": "4678be", "green": "4b8c50"},
     "glasses colour": {"black": "191919", "blue": "1e508c", "red": "a02832"}, "mouth colour": {"pink": "d2828c", "red": "c81e28"}},
    {**FACES.options, "clothes colour": "clothingColor", "hat colour": "hatColor", "eye colour": "eyesColor",
     "glasses colour": "glassesColor", "mouth colour": "mouthColor"})
STYLES = {style.name: style for style in (FACES, PIXELS)}
