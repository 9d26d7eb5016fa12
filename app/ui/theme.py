"""How the page looks: tokens here, details in the style sheets of assets."""
from __future__ import annotations

from typing import Any

import gradio as gr


def theme() -> gr.themes.Base:
    """Quiet slate surfaces, borders instead of shadows, one indigo for actions; light and dark."""
    font: list[gr.themes.Font | str] = [gr.themes.LocalFont("IBM Plex Sans", weights=(400, 700)), "system-ui", "sans-serif"]
    mono = ["ui-monospace", "SFMono-Regular", "Menlo", "monospace"]
    return gr.themes.Base(primary_hue="indigo", neutral_hue="slate", radius_size="md", spacing_size="sm", text_size="sm",
                          font=font, font_mono=mono).set(
        body_background_fill="*neutral_50", body_background_fill_dark="*neutral_950",
        block_background_fill="transparent", block_background_fill_dark="transparent",
        block_border_width="0px", block_padding="0px", block_shadow="none",
        block_label_background_fill="transparent", block_label_background_fill_dark="transparent",
        block_title_text_weight="400", block_title_text_size="*text_md",
        block_info_text_size="*text_md", block_info_text_color="*neutral_500", block_info_text_color_dark="*neutral_400",
        block_title_text_color="*neutral_600", block_title_text_color_dark="*neutral_300",
        input_background_fill="white", input_background_fill_dark="*neutral_900",
        input_border_color="*neutral_300", input_border_color_dark="*neutral_700",
        input_border_width="1px", input_shadow="none", input_shadow_focus="none",
        button_primary_background_fill="*primary_600", button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_600", button_primary_background_fill_hover_dark="*primary_500",
        button_primary_text_color="white", button_large_padding="8px 16px", button_large_text_size="*text_md",
        button_secondary_background_fill="white", button_secondary_background_fill_dark="*neutral_800",
        button_secondary_border_color="*neutral_300", button_secondary_border_color_dark="*neutral_600",
        button_large_radius="6px", button_small_radius="6px")


def look(accents: dict[str, str]) -> dict[str, Any]:
    """What `mount_gradio_app` needs for the look: theme and the families' colours; the style sheets of assets come with the page."""
    colours = ":root{" + "".join(f"--accent-{name}:{colour};" for name, colour in accents.items()) + "}" + "".join(
        f"#{name}-tab,#{name}-tab-button{{--accent:{colour};}}" for name, colour in accents.items())
    return {"theme": theme(), "css": colours}
