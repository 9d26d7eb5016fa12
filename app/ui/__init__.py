"""What is seen in a browser. gradio is imported here, before any part of the page asks for it."""
from app.ui.importing import unproxied, without_stubs

with unproxied(), without_stubs():
    import gradio as gradio
